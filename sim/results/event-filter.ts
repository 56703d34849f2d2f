/** Which events of a run are written into its trace. */
import { ConfigError } from "../../platform/errors.ts";
import { showValue } from "../../platform/yaml.ts";

export interface EventFilter {
  /** As receiver or as sender; null for all. */
  readonly nodes: readonly NumberRange[] | null;
  /** Names of types; null for all. */
  readonly types: ReadonlySet<string> | null;
  /** Simulated seconds. */
  readonly times: NumberRange;
}

/** Both ends are in it. */
export interface NumberRange {
  readonly from: number;
  readonly to: number;
}

export const ALL_TIMES: NumberRange = { from: 0, to: Infinity };

const RANGES_MAX = 1000;

/**
 * Reads `3`, `0..9` or `1,5..7`.
 *
 * @throws {ConfigError} on another form
 */
export function parseNodeRanges(text: string): readonly NumberRange[] {
  const parts = text.split(",");
  if (parts.length > RANGES_MAX)
    throw new ConfigError("--trace-node", `more than ${RANGES_MAX} ranges`);
  return parts.map((part) => {
    const match = /^(\d{1,9})(?:\.\.(\d{1,9}))?$/.exec(part.trim());
    const from = Number(match?.[1] ?? NaN);
    const to = Number(match?.[2] ?? from);
    if (from <= to) return { from, to };
    throw new ConfigError(
      "--trace-node",
      `${showValue(text)} is not allowed; allowed: numbers of nodes, such as 0..9 or 1,5..7`,
    );
  });
}

/**
 * Reads `10..12.5`, or `10..` and `..12.5`, in simulated seconds.
 *
 * @throws {ConfigError} on another form
 */
export function parseTimeRange(text: string): NumberRange {
  const match = /^(\d{1,9}(?:\.\d{1,9})?)?\.\.(\d{1,9}(?:\.\d{1,9})?)?$/.exec(text.trim());
  const from = Number(match === null ? NaN : (match[1] ?? 0));
  const to = Number(match?.[2] ?? Infinity);
  if (from <= to) return { from, to };
  throw new ConfigError(
    "--trace-time",
    `${showValue(text)} is not allowed; allowed: simulated seconds, such as 10..12.5`,
  );
}

export function isInRanges(ranges: readonly NumberRange[], value: number): boolean {
  return ranges.some(({ from, to }) => value >= from && value <= to);
}

/**
 * Reads names of types, separated by commas.
 *
 * @param known  those that there are; a protocol's own timers are `timer N` besides
 * @throws {ConfigError} for another
 */
export function parseEventTypes(text: string, known: readonly string[]): ReadonlySet<string> {
  const types = text.split(",").map((type) => type.trim());
  for (const type of types)
    if (!known.includes(type) && !/^timer \d{1,3}$/.test(type))
      throw new ConfigError(
        "--trace-type",
        `${showValue(type)} is not allowed; allowed: ${known.join(", ")}, timer N`,
      );
  return new Set(types);
}
