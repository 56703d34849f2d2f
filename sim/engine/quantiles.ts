/**
 * Distributions as tables of their quantiles, read with linear interpolation.
 *
 * A draw then costs one multiplication and two loads, and is the same on every machine.
 */
import { exactExp, exactLog, exactPower } from "./exact-math.ts";

/** Cells of a table; the quantiles of the last cell end at 1 - 1 / (2 × CELLS). */
const CELLS = 8192;

/** A table of CELLS + 1 values: the value below which a draw stays with probability i / CELLS. */
export type Quantiles = Float64Array;

/** @param quantile of a probability in (0, 1) */
export function tabulate(quantile: (probability: number) => number): Quantiles {
  const table = new Float64Array(CELLS + 1);
  for (let cell = 0; cell <= CELLS; cell++)
    table[cell] = quantile(Math.min(Math.max(cell / CELLS, 0.25 / CELLS), 1 - 0.25 / CELLS));
  return table;
}

/** The value at a probability. @param probability in [0, 1) */
export function quantileAt(table: Quantiles, probability: number): number {
  const position = probability * CELLS;
  const cell = position | 0;
  const low = table[cell]!;
  return low + (position - cell) * (table[cell + 1]! - low);
}

/** The standard normal distribution. */
export function normalQuantiles(): Quantiles {
  return tabulate(normalQuantile);
}

/** |N(0, 1)|: what a normal jitter that must not shorten a delay becomes. */
export function halfNormalQuantiles(): Quantiles {
  const table = tabulate((probability) => normalQuantile(0.5 + probability / 2));
  table[0] = 0;
  return table;
}

/** N(1, deviation), drawn anew while it is negative. @param deviation a share of the mean */
export function truncatedNormalQuantiles(deviation: number): Quantiles {
  if (deviation === 0) return tabulate(() => 1);
  const cut = normalProbability(-1 / deviation);
  const table = tabulate((p) => 1 + deviation * normalQuantile(cut + p * (1 - cut)));
  return table.map((value) => Math.max(0, value));
}

/** Mean 1. */
export function exponentialQuantiles(): Quantiles {
  return tabulate((probability) => -exactLog(1 - probability));
}

/** Mean 1. @param shape above 0; under 1 the longest sessions are much longer than the mean */
export function weibullQuantiles(shape: number): Quantiles {
  return ofMean1(tabulate((probability) => exactPower(-exactLog(1 - probability), 1 / shape)));
}

/** Mean 1, from 0 on. @param shape above 1 */
export function shiftedParetoQuantiles(shape: number): Quantiles {
  return ofMean1(tabulate((probability) => exactPower(1 - probability, -1 / shape) - 1));
}

/** Scales a table so that what is drawn from it has the mean 1: its own, the tail being cut. */
function ofMean1(table: Quantiles): Quantiles {
  let sum = 0;
  for (let cell = 0; cell < CELLS; cell++) sum += (table[cell]! + table[cell + 1]!) / 2;
  return table.map((value) => (value * CELLS) / sum);
}

/** P(N(0, 1) < x), by Simpson's rule from where nothing is left. */
export function normalProbability(x: number): number {
  if (x > 0) return 1 - normalProbability(-x);
  const from = -12;
  if (x <= from) return 0;
  const steps = 512;
  const width = (x - from) / steps;
  let sum = density(from) + density(x);
  for (let i = 1; i < steps; i++) sum += density(from + i * width) * (i % 2 === 1 ? 4 : 2);
  return (sum * width) / 3;
}

function density(x: number): number {
  return 0.3989422804014327 * exactExp((-x * x) / 2);
}

/**
 * The inverse of `normalProbability`, within 1.2e-9 of it.
 *
 * @see P. J. Acklam, "An algorithm for computing the inverse normal cumulative distribution function"
 */
export function normalQuantile(probability: number): number {
  if (probability > 0.5) return -normalQuantile(1 - probability);
  if (probability < TAIL) {
    const q = Math.sqrt(-2 * exactLog(probability));
    return polynomial(TAIL_ABOVE, q) / (polynomial(TAIL_UNDER, q) * q + 1);
  }
  const q = probability - 0.5;
  const r = q * q;
  return (polynomial(MIDDLE_ABOVE, r) * q) / (polynomial(MIDDLE_UNDER, r) * r + 1);
}

/** @param coefficients of the highest power first */
function polynomial(coefficients: readonly number[], x: number): number {
  let sum = 0;
  for (const coefficient of coefficients) sum = sum * x + coefficient;
  return sum;
}

const TAIL = 0.02425;
const MIDDLE_ABOVE = [
  -3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2,
  -3.066479806614716e1, 2.506628277459239,
];
const MIDDLE_UNDER = [
  -5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1,
  -1.328068155288572e1,
];
const TAIL_ABOVE = [
  -7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734,
  4.374664141464968, 2.938163982698783,
];
const TAIL_UNDER = [
  7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416,
];
