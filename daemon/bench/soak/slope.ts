/** Trends in few and noisy samples. */
import { median } from "../statistics.ts";

export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * Slope by Theil and Sen: the median of the slopes between all pairs, so that a few outliers, a
 * burst of load or a late collection, do not tilt it.
 *
 * @returns NaN for fewer than two points
 */
export function slopeOf(points: readonly Point[]): number {
  const slopes = points.flatMap((a, i) =>
    points.slice(i + 1).flatMap((b) => (b.x === a.x ? [] : [(b.y - a.y) / (b.x - a.x)])),
  );
  return median(slopes);
}

/** How much the middle of the last third is over that of the first; NaN for fewer than three. */
export function riseOf(values: readonly number[]): number {
  const third = Math.floor(values.length / 3);
  if (third === 0) return NaN;
  return median(values.slice(-third)) - median(values.slice(0, third));
}
