/** Runs a simulation so that the process still hears signals and shows progress. */
import { setImmediate as turn } from "node:timers/promises";
import { protocolOf } from "../protocols.ts";
import { Simulation, type Outcome } from "../engine/simulation.ts";
import type { TraceLine } from "../engine/script.ts";
import type { Trace } from "../engine/trace-hash.ts";
import { runThreaded } from "./threaded-run.ts";
import type { Scenario } from "../scenario/scenario.ts";

export interface Progress {
  readonly simulatedS: number;
  readonly events: number;
}

export interface RunHooks {
  /** Contents of the files that the scenario names. */
  readonly matrix: readonly Float64Array[];
  readonly churnTrace: readonly TraceLine[];
  /** Sees every event; `undefined`: nobody does, which is faster. */
  readonly trace: Trace | undefined;
  /** Whether `edges` will be asked for; where it is not, it may be empty. */
  readonly wantsEdges: boolean;
  readonly signal: AbortSignal;
  onProgress(progress: Progress): void;
}

/** What is left of a finished run, for pictures of its topology. */
export interface Finished {
  readonly outcome: Outcome;
  /** Of each joined node to those that it knows. */
  edges(): Iterable<readonly [number, number]>;
}

/** @throws the signal's reason when it is aborted */
export async function runSimulation(scenario: Scenario, hooks: RunHooks): Promise<Finished> {
  const { matrix, churnTrace, trace, signal, onProgress } = hooks;
  // Who watches every event wants them in one order.
  if (scenario.threads > 1 && trace === undefined) return runThreaded(scenario, hooks);
  const protocol = protocolOf(scenario);
  const simulation = new Simulation({ scenario, protocol, matrix, churnTrace, trace });
  for (const progress of simulation.run()) {
    signal.throwIfAborted();
    onProgress(progress);
    await turn();
  }
  return { outcome: simulation.outcome(), edges: () => simulation.edges() };
}
