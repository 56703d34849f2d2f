/** What runs the points of a sweep, wherever that is. */
import type { SimulationResult } from "../results/result.ts";
import type { SweepPoint } from "./sweep-plan.ts";

export interface SweepWork {
  /** Those that are not finished. */
  readonly points: readonly SweepPoint[];
  /** Of the whole sweep, in its order; points keep their number when the sweep goes on later. */
  readonly allPoints: readonly SweepPoint[];
  /** Absolute. */
  readonly directory: string;
  /** At once. */
  readonly jobs: number;
  /** Aborted when the user ends the sweep. */
  readonly signal: AbortSignal;
  /** Keeps a result; a failure of it ends the sweep. */
  onResult(point: SweepPoint, result: SimulationResult): Promise<void>;
  /** A point that did not work; the others go on. */
  onFailure(point: SweepPoint, problem: string): void;
  /** Something that the user should know now. */
  onNote(note: string): void;
}

/** Returns when nothing is at work any more; points may be left over. */
export type SweepEngine = (work: SweepWork) => Promise<void>;
