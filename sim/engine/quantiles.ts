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

/** The inverse of `normalProbability`, by Newton's method from a start that is close. */
export function normalQuantile(probability: number): number {
  if (probability > 0.5) return -normalQuantile(1 - probability);
  // Abramowitz and Stegun 1964, 26.2.23: within 4.5e-4
  const t = Math.sqrt(-2 * exactLog(probability));
  const above = 2.515517 + t * (0.802853 + t * 0.010328);
  const under = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308));
  let x = above / under - t;
  for (let i = 0; i < 3; i++) x -= (normalProbability(x) - probability) / density(x);
  return x;
}
