/** When an overlay is there. */
import type { Sample } from "./result.ts";

/** Share of queries delivered from which on an overlay counts as converged (thesis §2.4). */
export const CONVERGED = 0.95;

export type Delivery = "believedDelivery" | "correctDelivery";

export function isConverged(sample: Sample, by: Delivery): boolean {
  return (sample[by] ?? 0) >= CONVERGED;
}

/** End of the first sample that is, in simulated seconds; null if none is. */
export function convergedAt(samples: readonly Sample[], by: Delivery): number | null {
  return samples.find((sample) => isConverged(sample, by))?.timeS ?? null;
}
