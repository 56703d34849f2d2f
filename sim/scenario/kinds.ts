/** Kinds of values that only scenarios have; the others are in `platform/setting.ts`. */
import { setting } from "../../platform/setting.ts";
import type { About, Setting } from "../../platform/setting.ts";

/** A finite number; with `isOpen` not `min` itself. */
export function number(
  about: About<number>,
  min: number,
  max: number,
  isOpen = false,
): Setting<number> {
  const allowed = isOpen
    ? `a number above ${min}, at most ${max}`
    : `a number from ${min} to ${max}`;
  return setting(about, allowed, (value) =>
    typeof value === "number" && (isOpen ? value > min : value >= min) && value <= max
      ? { value }
      : undefined,
  );
}

/** The same, where `null` says "none" or "work it out". */
export function optionalNumber(
  about: About<number | null>,
  min: number,
  max: number,
  isOpen = false,
): Setting<number | null> {
  const { allowed, parse } = number({ doc: about.doc, initial: max }, min, max, isOpen);
  return setting(about, `${allowed}; or null`, (value) =>
    value === null ? { value } : parse(value),
  );
}

/** Two numbers `[from, to]`, or one for both. */
export function span(
  about: About<readonly [number, number]>,
  min: number,
  max: number,
): Setting<readonly [number, number]> {
  const allowed = `a number from ${min} to ${max}, or two of them, [from, to]`;
  return setting(about, allowed, (given) => {
    const pair: readonly unknown[] = Array.isArray(given) ? given : [given, given];
    const [from, to] = pair;
    if (pair.length !== 2 || typeof from !== "number" || typeof to !== "number") return undefined;
    return from >= min && from <= to && to <= max ? { value: [from, to] } : undefined;
  });
}

/** One number of a row: its bounds. */
export interface Column {
  readonly min: number;
  readonly max: number;
}

const ROWS_MAX = 1000;

/** A list of mappings that all have the same numbers. */
export function rows<Name extends string>(
  about: About<readonly Readonly<Record<Name, number>>[]>,
  columns: Readonly<Record<Name, Column>>,
): Setting<readonly Readonly<Record<Name, number>>[]> {
  const all = Object.entries<Column>(columns);
  const shape = all.map(([name, { min, max }]) => `${name}: ${min} to ${max}`).join(", ");
  const allowed = `a list of at most ${ROWS_MAX} mappings {${shape}}`;
  return setting(about, allowed, (given) => {
    if (!Array.isArray(given) || given.length > ROWS_MAX) return undefined;
    const found: Record<Name, number>[] = [];
    for (const [i, row] of (given as readonly unknown[]).entries()) {
      const problem = rowProblem(row, all);
      if (problem !== undefined) return { problem: `entry ${i + 1}: ${problem}` };
      found.push({ ...(row as Record<Name, number>) });
    }
    return { value: found };
  });
}

function rowProblem(
  row: unknown,
  columns: readonly (readonly [string, Column])[],
): string | undefined {
  const names = columns.map(([name]) => name);
  if (typeof row !== "object" || row === null || Array.isArray(row))
    return `not a mapping of ${names.join(", ")}`;
  const values = new Map<string, unknown>(Object.entries(row));
  for (const name of values.keys())
    if (!names.includes(name))
      return `unknown key "${name.slice(0, 40)}"; known: ${names.join(", ")}`;
  for (const [name, { min, max }] of columns) {
    const value = values.get(name);
    if (typeof value !== "number" || !(value >= min && value <= max))
      return `${name}: allowed: a number from ${min} to ${max}`;
  }
  return undefined;
}
