/** From values to places on a plot, and the ticks that people count in. */

export type ScaleType = "linear" | "log";

export interface Axis {
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly number[];
  /** 0 at `from`, 1 at `to`. */
  place(value: number): number;
}

/**
 * An axis that holds all values and ends on ticks.
 *
 * @param values  at least one; of a log axis all above 0
 */
export function createAxis(type: ScaleType, values: readonly number[]): Axis {
  const low = lowest(values);
  const high = -lowest(values.map((value) => -value));
  return type === "log" ? logAxis(low, high) : linearAxis(low, high);
}

/** `Math.min(...values)` takes no hundred thousand values. */
function lowest(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Infinity);
}

function linearAxis(low: number, high: number): Axis {
  const span = high > low ? high - low : Math.abs(high) || 1;
  const step = niceStep(span / 6);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => rounded((first + i) * step));
  const [from, to] = [ticks[0]!, ticks.at(-1)!];
  return { from, to, ticks, place: (value) => (value - from) / (to - from) };
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find((factor) => factor * power >= least * 0.999) ?? 10);
}

function rounded(value: number): number {
  return Number(value.toPrecision(12));
}

function logAxis(low: number, high: number): Axis {
  const first = Math.floor(Math.log10(low) + 1e-9);
  const last = Math.max(first + 1, Math.ceil(Math.log10(high) - 1e-9));
  const ticks: number[] = [];
  // Fewer than three powers of ten have 2 and 5 between them.
  const steps = last - first < 3 ? [1, 2, 5] : [1];
  for (let power = first; power <= last; power++)
    for (const step of power === last ? [1] : steps) ticks.push(rounded(step * 10 ** power));
  const from = 10 ** first;
  return { from, to: 10 ** last, ticks, place: (v) => Math.log10(v / from) / (last - first) };
}

/** `0.05`, `20`, `5k`, `1M`. */
export function tickLabel(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${rounded(value / 1e6)}M`;
  if (size >= 10_000) return `${rounded(value / 1000)}k`;
  return String(value);
}
