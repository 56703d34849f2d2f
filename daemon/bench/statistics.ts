/** Percentiles of few samples. */

/**
 * The smallest sample that at least this share of the samples does not exceed (nearest rank).
 *
 * @param share 0 to 1
 * @returns NaN for no samples
 */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5);
}

export function maximum(samples: readonly number[]): number {
  return percentile(samples, 1);
}
