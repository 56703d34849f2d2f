/** What a scenario has in files of its own, read and checked. */
import type { TraceLine } from "../engine/script.ts";

export interface ScenarioInputs {
  /** Rows of one-way milliseconds, of `delay.model: matrix`; else empty. */
  readonly matrix: readonly Float64Array[];
  /** Of `churn.model: trace`, in order of time; else empty. */
  readonly churnTrace: readonly TraceLine[];
}
