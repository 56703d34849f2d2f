/** What a section of `causeway bench sim` is, and what it has to measure with. */
import type { SectionResult } from "../../platform/bench/figure.ts";
import type { SimulationResult } from "../results/result.ts";
import type { Scenario } from "../scenario/scenario.ts";

/** Events a CPU second of the bare queue, at 20,000 pending, at which CPU bars hold as they stand. */
export const REFERENCE_RATE = 14e6;
/** Events pending in the bare queue that bars are scaled by. */
export const REFERENCE_PENDING = 20_000;

export interface Measured {
  readonly result: SimulationResult;
  /** Steps a CPU second of the bare queue, just before the run and just after it, on average. */
  readonly queueRate: number;
}

export interface SimBench {
  readonly seeds: readonly number[];
  readonly signal: AbortSignal;
  /** Steps a CPU second. */
  queueRate(pending: number): Promise<number>;
  /** One run in a process of its own, with nothing else of ours at work. */
  measure(scenario: Scenario): Promise<Measured>;
  /** Runs whose cost does not matter, two at once; in the order of the scenarios. */
  runAll(scenarios: readonly Scenario[]): Promise<readonly SimulationResult[]>;
  /** Functions that V8 deoptimised, once for each time. */
  traceDeopts(scenario: Scenario): Promise<readonly string[]>;
  progress(line: string): void;
}

export interface SimSection {
  readonly name: string;
  /** One line for the progress and the help. */
  readonly summary: string;
  /** Runs only when it is asked for by its name. */
  readonly isLong: boolean;
  run(bench: SimBench): Promise<SectionResult>;
}
