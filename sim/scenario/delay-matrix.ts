/** Delays between places, as CSV: row i, column j is the one-way delay from place i to place j. */
import { ConfigError } from "../../platform/errors.ts";

export interface DelayMatrix {
  readonly places: number;
  /** Row after row, in milliseconds. */
  readonly delaysMs: Float64Array;
}

const PLACES_MAX = 4096;
const DELAY_MAX_MS = 60_000;
const NUMBER = /^\d{1,6}(?:\.\d{1,9})?$/;

/**
 * Reads a square matrix; empty lines and those after `#` are left out.
 *
 * A delay of zero is refused but on the diagonal, since the engine's time must go on between nodes.
 *
 * @throws {ConfigError} with the line that is wrong
 */
export function parseDelayMatrix(content: string, file: string): DelayMatrix {
  const rows: number[][] = [];
  for (const [i, raw] of content.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    if (rows.length === PLACES_MAX)
      throw new ConfigError(`${file}:${i + 1}`, `more than ${PLACES_MAX} rows`);
    rows.push(parseRow(line, `${file}:${i + 1}`, rows.length));
  }
  const places = rows.length;
  if (places === 0) throw new ConfigError(file, "holds no row of delays");
  for (const [i, row] of rows.entries())
    if (row.length !== places)
      throw new ConfigError(
        file,
        `row ${i + 1} has ${row.length} delays, and there are ${places} rows; it must be square`,
      );
  return { places, delaysMs: Float64Array.from(rows.flat()) };
}

function parseRow(line: string, where: string, place: number): number[] {
  return line.split(",").map((cell, column) => {
    const text = cell.trim();
    const delayMs = NUMBER.test(text) ? Number(text) : NaN;
    if (delayMs <= DELAY_MAX_MS && (delayMs > 0 || column === place)) return delayMs;
    throw new ConfigError(
      where,
      `"${text.slice(0, 40)}" in column ${column + 1} is not allowed; allowed: milliseconds above 0, at most ${DELAY_MAX_MS}`,
    );
  });
}
