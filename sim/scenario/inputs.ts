/** What a scenario has in files of its own, read and checked. */
import type { ChurnTrace } from "./churn-trace.ts";
import type { DelayMatrix } from "./delay-matrix.ts";

export interface ScenarioInputs {
  /** Of `delay.model: matrix`, else null. */
  readonly matrix: DelayMatrix | null;
  /** Of `churn.model: trace`, else null. */
  readonly trace: ChurnTrace | null;
}
