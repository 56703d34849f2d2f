/**
 * Delay lines between pairs of interfaces, as the rest of a process sees them.
 *
 * The frames are carried by a thread of its own, which sleeps in the kernel and not in the event
 * loop; settings reach it through shared memory. One thread carries any number of lines.
 */
import { writeSync } from "node:fs";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { DelaySettings } from "../delay-schedule.ts";
import { PacketsError } from "../errors.ts";
import { COUNTERS, SETTING_WORDS, type DelayLineEnds, type DelayShared } from "./delay-loop.ts";
import { loadLibc, systemError } from "./libc.ts";

export interface DelayLineOptions extends DelayLineEnds {
  readonly settings: DelaySettings;
}

/** Frames of one direction since the start. */
export type DelayCounters = {
  /** passed: delivered; lost: by the settings; dropped: queue full or interface down; unfinished:
   * came without a checksum, see `ring-port.ts`. */
  readonly [Name in (typeof COUNTERS)[number]]: number;
};

const EFD_CLOEXEC_NONBLOCK = 0o2004000;

export class DelayLines {
  readonly #names: readonly string[];
  readonly #settings: Float64Array;
  readonly #counters: Float64Array;
  readonly #versions: Int32Array;
  readonly #wakeFd: number;
  readonly #failed: Promise<never>;

  private constructor(lines: readonly DelayLineOptions[]) {
    this.#names = lines.map(({ name }) => name);
    const counterBytes = lines.length * 2 * COUNTERS.length * 8;
    this.#wakeFd = loadLibc().eventfd(0, EFD_CLOEXEC_NONBLOCK);
    if (this.#wakeFd < 0) throw systemError("eventfd", "the delay lines");
    const shared: DelayShared = {
      settings: new SharedArrayBuffer(lines.length * SETTING_WORDS * 8),
      counters: new SharedArrayBuffer(counterBytes),
      versions: new SharedArrayBuffer(3 * 4),
      wakeFd: this.#wakeFd,
    };
    this.#settings = new Float64Array(shared.settings);
    this.#counters = new Float64Array(shared.counters);
    this.#versions = new Int32Array(shared.versions);
    for (const [index, { settings }] of lines.entries()) this.#write(index, settings);
    const ends = lines.map(({ name, from, to }) => ({ name, from, to }));
    this.#failed = this.#start(ends, shared);
    this.#failed.catch(() => {}); // whoever waits for the thread gets it
  }

  /**
   * Opens the interfaces and starts carrying.
   *
   * @throws {PacketsError} when an interface is missing or may not be opened
   */
  static async open(lines: readonly DelayLineOptions[]): Promise<DelayLines> {
    const opened = new DelayLines(lines);
    await opened.#until(2, 1);
    return opened;
  }

  /**
   * Holds for frames that come from now on; a cut also takes those under way.
   *
   * @throws {PacketsError} ERR_PACKETS_LINE when there is no such line
   */
  async change(name: string, settings: DelaySettings): Promise<void> {
    this.#write(this.#index(name), settings);
    const version = Atomics.add(this.#versions, 0, 1) + 1;
    writeSync(this.#wakeFd, new Uint8Array(new BigUint64Array([1n]).buffer));
    await this.#until(1, version);
  }

  /** Counters of both directions: from `from` to `to`, and back. */
  counters(name: string): readonly [forth: DelayCounters, back: DelayCounters] {
    const first = this.#index(name) * 2;
    return [this.#direction(first), this.#direction(first + 1)];
  }

  async #start(lines: readonly DelayLineEnds[], shared: DelayShared): Promise<never> {
    const suffix = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const worker = new Worker(new URL(`./delay-worker.${suffix}`, import.meta.url), {
      workerData: { lines, shared },
    });
    const [error] = (await once(worker, "error")) as [unknown];
    throw error;
  }

  /** Waits until the thread has brought a version word to `value` or beyond. */
  async #until(word: number, value: number): Promise<void> {
    for (;;) {
      const now = Atomics.load(this.#versions, word);
      if (now >= value) return;
      const wait = Atomics.waitAsync(this.#versions, word, now);
      await Promise.race([wait.value, this.#failed]);
    }
  }

  #write(index: number, { delayMs, jitterMs, lossRatio, isCut }: DelaySettings): void {
    this.#settings.set([delayMs, jitterMs, lossRatio, isCut ? 1 : 0], index * SETTING_WORDS);
  }

  #index(name: string): number {
    const index = this.#names.indexOf(name);
    if (index < 0) throw new PacketsError("ERR_PACKETS_LINE", `no delay line called ${name}`);
    return index;
  }

  #direction(number: number): DelayCounters {
    const at = number * COUNTERS.length;
    const [passed = 0, lost = 0, dropped = 0, unfinished = 0] = this.#counters.slice(
      at,
      at + COUNTERS.length,
    );
    return { passed, lost, dropped, unfinished };
  }
}
