/**
 * Arithmetic on the ring of 64-bit ids, in two signed halves.
 *
 * All that routing compares is *distances*: how far clockwise it is from one id to another. Their
 * halves are kept with the top bit turned over, because then the signed comparison of 32-bit integers
 * gives the order of the unsigned numbers, and no number ever leaves the range of such an integer:
 * one that does costs V8 its optimized code.
 */

/** Turns the top bit over. Also what a half of 0 becomes. */
export const BIAS = -0x80000000;
/** The biased half than which none is greater. */
export const FARTHEST = 0x7fffffff;

/** The upper half of the distance from one id to another, biased. */
export function upperDistance(
  fromHigh: number,
  fromLow: number,
  toHigh: number,
  toLow: number,
): number {
  const borrow = (toLow ^ BIAS) < (fromLow ^ BIAS) ? 1 : 0;
  return ((toHigh - fromHigh - borrow) | 0) ^ BIAS;
}

/** The lower half of the distance from one id to another, biased. */
export function lowerDistance(fromLow: number, toLow: number): number {
  return ((toLow - fromLow) | 0) ^ BIAS;
}
