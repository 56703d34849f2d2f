/** One run on this machine, with what it cost. */
import { hostname } from "node:os";
import { readVersion } from "../../platform/io/version.ts";
import type { Trace } from "../engine/trace-hash.ts";
import type { SimulationResult } from "../results/result.ts";
import { refuseTooLarge } from "../scenario/memory.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { readInputs } from "./input-files.ts";
import { freeBytes } from "./machine.ts";
import type { Finished, RunHooks } from "./run-simulation.ts";

/** The engine, as its users see it. */
export type RunEngine = (scenario: Scenario, hooks: RunHooks) => Promise<Finished>;

export interface Progress {
  readonly simulatedS: number;
  readonly durationS: number;
  readonly events: number;
}

/** What others want of a run while it goes on. */
export interface RunWatch {
  readonly signal: AbortSignal;
  /** Sees every event; undefined: nobody. */
  readonly trace: Trace | undefined;
  /** Whether the topology will be looked at. */
  readonly wantsEdges: boolean;
  onProgress(progress: Progress): void;
}

export interface MeasuredRun {
  readonly result: SimulationResult;
  edges(): Iterable<readonly [number, number]>;
}

/**
 * Runs a scenario, and adds the version and the `run` block.
 *
 * @throws {ConfigError} when it does not fit into memory, or its files are wrong
 */
export async function runMeasured(
  engine: RunEngine,
  scenario: Scenario,
  { signal, trace, wantsEdges, onProgress }: RunWatch,
): Promise<MeasuredRun> {
  refuseTooLarge(scenario, freeBytes());
  const inputs = await readInputs(scenario);
  const startedAtMs = performance.now();
  const cpuBefore = process.cpuUsage();
  const { threads, ...studied } = scenario;
  const { durationS } = scenario;
  const finished = await engine(scenario, {
    ...inputs,
    ...{ signal, trace, wantsEdges },
    onProgress: ({ simulatedS, events }) => onProgress({ simulatedS, durationS, events }),
  });
  const { user, system } = process.cpuUsage(cpuBefore);
  const result: SimulationResult = {
    version: readVersion(),
    ...finished.outcome,
    scenario: studied,
    run: {
      threads: trace === undefined ? threads : 1,
      cpuS: (user + system) / 1e6,
      wallS: (performance.now() - startedAtMs) / 1000,
      rssBytes: process.resourceUsage().maxRSS * 1024,
      host: hostname(),
      date: new Date().toISOString(),
      node: process.version,
    },
  };
  return { result, edges: () => finished.edges() };
}
