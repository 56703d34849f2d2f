/** Delays between places, as CSV: row i, column j is the one-way delay from place i to place j. */
import { ConfigError } from "../../platform/errors.ts";

const PLACES_MAX = 4096;
/** The engine goes on in steps of the least delay. */
const DELAY_MIN_MS = 0.001;
const DELAY_MAX_MS = 60_000;
const NUMBER = /^\d{1,6}(?:\.\d{1,9})?$/;

/**
 * Reads a square matrix; empty lines and those after `#` are left out.
 *
 * The diagonal is the delay between two nodes of the same place, which is not zero either.
 *
 * @throws {ConfigError} with the line that is wrong
 */
export function parseDelayMatrix(content: string, file: string): readonly Float64Array[] {
  const rows: Float64Array[] = [];
  for (const [i, raw] of content.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    if (rows.length === PLACES_MAX)
      throw new ConfigError(`${file}:${i + 1}`, `more than ${PLACES_MAX} rows`);
    rows.push(parseRow(line, `${file}:${i + 1}`));
  }
  const places = rows.length;
  if (places === 0) throw new ConfigError(file, "holds no row of delays");
  for (const [i, row] of rows.entries())
    if (row.length !== places)
      throw new ConfigError(
        file,
        `row ${i + 1} has ${row.length} delays, and there are ${places} rows; it must be square`,
      );
  return rows;
}

function parseRow(line: string, where: string): Float64Array {
  const delays = line.split(",").map((cell, column) => {
    const text = cell.trim();
    const delayMs = NUMBER.test(text) ? Number(text) : NaN;
    if (delayMs >= DELAY_MIN_MS && delayMs <= DELAY_MAX_MS) return delayMs;
    throw new ConfigError(
      where,
      `"${text.slice(0, 40)}" in column ${column + 1} is not allowed; allowed: milliseconds from ${DELAY_MIN_MS} to ${DELAY_MAX_MS}`,
    );
  });
  return Float64Array.from(delays);
}
