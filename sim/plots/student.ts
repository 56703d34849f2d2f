/** Confidence intervals of means of few values (Student's t). */

/** Two-sided 95 % quantiles for 1 to 30 degrees of freedom. */
const T95 = [
  12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281, 2.201, 2.1788,
  2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.093, 2.086, 2.0796, 2.0739, 2.0687, 2.0639,
  2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
] as const;
const NORMAL95 = 1.959964;

export interface Interval {
  readonly mean: number;
  /** Bounds of the 95 % interval of the mean; the mean itself of a single value. */
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/** The factor by which the standard error is multiplied; `freedom` is at least 1. */
export function studentT95(freedom: number): number {
  const known = T95[freedom - 1];
  if (known !== undefined) return known;
  // Cornish-Fisher's expansion; right to 0.0001 from 30 on.
  const z = NORMAL95;
  return (
    z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2)
  );
}

/** The mean of the values and where the true one lies with 95 %; null of no values. */
export function meanInterval(values: readonly number[]): Interval | null {
  const count = values.length;
  if (count === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count === 1) return { mean, low: mean, high: mean, count };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const half = studentT95(count - 1) * Math.sqrt(variance / count);
  return { mean, low: mean - half, high: mean + half, count };
}
