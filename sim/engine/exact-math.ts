/**
 * Exponential and logarithm out of + − × / alone.
 *
 * IEEE 754 fixes the results of these to the last bit, and those of `Math.exp` and `Math.log` not:
 * with them a table could differ between two machines, and so would every trace built on it.
 */

const { LN2 } = Math;
/** Terms until nothing is added any more, for arguments up to ln 2 / 2. */
const EXP_TERMS = 18;

/** e^x for |x| up to 700. */
export function exactExp(x: number): number {
  const halvings = Math.floor(x / LN2 + 0.5);
  const rest = x - halvings * LN2;
  let sum = 1;
  for (let term = EXP_TERMS; term >= 1; term--) sum = 1 + (rest / term) * sum;
  return halvings >= 0 ? sum * powerOf2(halvings) : sum / powerOf2(-halvings);
}

/** Natural logarithm of a positive number. */
export function exactLog(x: number): number {
  let mantissa = x;
  let doublings = 0;
  for (; mantissa > 1.5; doublings++) mantissa /= 2;
  for (; mantissa < 0.75; doublings--) mantissa *= 2;
  // ln m = 2 artanh((m - 1) / (m + 1)), whose argument is at most 0.2 here
  const ratio = (mantissa - 1) / (mantissa + 1);
  const square = ratio * ratio;
  let sum = 0;
  for (let odd = 27; odd >= 1; odd -= 2) sum = 1 / odd + square * sum;
  return doublings * LN2 + 2 * ratio * sum;
}

/** x to the power of y, for a positive x. */
export function exactPower(x: number, y: number): number {
  return exactExp(y * exactLog(x));
}

function powerOf2(exponent: number): number {
  let power = 1;
  for (let i = 0; i < exponent; i++) power *= 2;
  return power;
}
