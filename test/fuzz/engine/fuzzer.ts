/** Runs campaigns in a worker thread, and watches over it. */
import { Worker } from "node:worker_threads";
import type { CampaignOptions, CampaignResult, Progress } from "./campaign.ts";
import { findingOf, InputSlot } from "./judge.ts";
import { removeScratch } from "./scratch.ts";
import type { WorkerData, WorkerOrder, WorkerReport } from "./worker.ts";

/** Inputs are never longer. */
export const INPUT_BYTES_MAX = 1024 * 1024;
const LOOK_MS = 500;
const HEAP_MIB_MAX = 1024;

export const DEFAULT_CAMPAIGN: CampaignOptions = {
  seed: 1,
  inputs: Infinity,
  ms: Infinity,
  guidance: "coverage",
  corpus: [],
  isMinimised: false,
  keptMax: Infinity,
};

export interface FuzzerOptions {
  /** An input that runs so long does not end. Default 20 s. */
  readonly hangMs: number;
  /** Whether blocks are counted, as guidance by coverage needs. Default true. */
  readonly isCovered: boolean;
}

const DEFAULT_FUZZER: FuzzerOptions = { hangMs: 20_000, isCovered: true };

export class Fuzzer {
  readonly #targets: string;
  readonly #shared = new SharedArrayBuffer(InputSlot.size(INPUT_BYTES_MAX));
  readonly #slot = new InputSlot(this.#shared);
  readonly #hangMs: number;
  readonly #isCovered: boolean;
  #worker: Worker | undefined;
  #names: readonly string[] = [];

  /** @param targets URL of a module that exports `TARGETS` */
  constructor(targets: URL, given: Partial<FuzzerOptions> = {}) {
    const { hangMs, isCovered, ...rest } = { ...DEFAULT_FUZZER, ...given };
    rest satisfies Record<string, never>;
    this.#targets = targets.href;
    this.#hangMs = hangMs;
    this.#isCovered = isCovered;
  }

  /** The names of all targets. */
  async names(): Promise<readonly string[]> {
    await this.#started();
    return this.#names;
  }

  /** Fuzzes one target; whatever happens to the worker comes back as a finding. */
  async run(
    target: string,
    given: Partial<CampaignOptions>,
    onProgress: (progress: Progress) => void = () => {},
  ): Promise<CampaignResult> {
    const worker = await this.#started();
    const options = { ...DEFAULT_CAMPAIGN, ...given };
    let last = nothing(target);
    const { promise, resolve, reject } = Promise.withResolvers<CampaignResult>();
    const lose = (type: "hang" | "crash", problem: unknown): void => {
      this.#worker = undefined;
      const found = [findingOf(target, type, this.#slot.input, problem)];
      resolve({ ...last, findings: last.findings + 1, found, kept: [] });
    };
    const hear = (message: WorkerReport): void => {
      if (message.type === "progress") onProgress((last = message.progress));
      if (message.type === "done") resolve(message.result);
      if (message.type === "broken") reject(new Error(`target ${target}: ${message.message}`));
    };
    const fail = (error: unknown): void => lose("crash", error);
    worker.on("message", hear).on("error", fail);
    const watch = this.#watch(() => {
      lose("hang", `an input does not end within ${this.#hangMs} ms`);
      void worker.terminate();
    });
    worker.postMessage({ target, options } satisfies WorkerOrder, []);
    try {
      return await promise;
    } finally {
      clearInterval(watch);
      worker.off("message", hear).off("error", fail);
    }
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = undefined;
    removeScratch();
  }

  #watch(onHang: () => void): NodeJS.Timeout {
    let before: number | undefined;
    let sinceMs = performance.now();
    return setInterval(() => {
      const running = this.#slot.running;
      if (running === undefined || running !== before) sinceMs = performance.now();
      before = running;
      if (performance.now() - sinceMs > this.#hangMs) onHang();
    }, LOOK_MS);
  }

  async #started(): Promise<Worker> {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL("worker.ts", import.meta.url), {
      workerData: {
        targets: this.#targets,
        slot: this.#shared,
        isCovered: this.#isCovered,
      } satisfies WorkerData,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX },
      // Of vitest's own options none helps here.
      execArgv: [],
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    worker.once("error", reject);
    worker.once("message", (message: WorkerReport) => {
      if (message.type === "ready") this.#names = message.targets;
      resolve();
    });
    await promise;
    worker.off("error", reject);
    return (this.#worker = worker);
  }
}

function nothing(target: string): Progress {
  return { target, executions: 0, blocks: 0, features: 0, corpus: 0, findings: 0, tookMs: 0 };
}
