/** What a sweep file says: a scenario, and which of its values are varied. */
import { ConfigError } from "../../platform/errors.ts";
import { isMapping, parseYamlMapping, showValue } from "../../platform/yaml.ts";
import { assignmentsOf, settle } from "../scenario/assignments.ts";
import type { Assignment } from "../scenario/assignments.ts";

/** One varied value. */
export interface SweepAxis {
  /** Dotted: `nodes`, `kademlia.k`. */
  readonly path: string;
  readonly values: readonly unknown[];
}

export interface SweepFile {
  readonly base: readonly Assignment[];
  /** Without `seed`. */
  readonly axes: readonly SweepAxis[];
  /** Of the file; null when it has none. */
  readonly seeds: readonly number[] | null;
}

const AXES_MAX = 8;
const VALUES_MAX = 1000;
const SEEDS_MAX = 10_000;
const SEED_MAX = 2 ** 32 - 1;

/**
 * Reads `sweep: { nodes: [1000, 2000], kademlia.k: [8, 16] }` beside what a scenario has.
 *
 * @throws {ConfigError} with line and column, or the axis and what is allowed
 */
export function parseSweepText(content: string, file: string): SweepFile {
  const { sweep, ...base } = parseYamlMapping(content, file) as { readonly sweep?: unknown };
  if (!isMapping(sweep))
    throw new ConfigError(
      `${file}: sweep`,
      `${showValue(sweep)} is not allowed; allowed: a mapping of names to lists, such as {nodes: [1000, 2000]}`,
    );
  const all = Object.entries(sweep).map(([path, values]: [string, unknown]) =>
    readAxis(path, values, `${file}: sweep.${path}`),
  );
  if (all.length > AXES_MAX)
    throw new ConfigError(`${file}: sweep`, `${all.length} axes; at most ${AXES_MAX} are allowed`);
  const assignments = assignmentsOf(base, file);
  settle(assignments);
  return {
    base: assignments,
    axes: all.filter(({ path }) => path !== "seed"),
    // The schema has checked that they are numbers.
    seeds: (all.find(({ path }) => path === "seed")?.values as number[] | undefined) ?? null,
  };
}

function readAxis(path: string, values: unknown, where: string): SweepAxis {
  if (!Array.isArray(values) || values.length === 0 || values.length > VALUES_MAX)
    throw new ConfigError(
      where,
      `${showValue(values)} is not allowed; allowed: a list of 1 to ${VALUES_MAX} values`,
    );
  if (path === "threads")
    throw new ConfigError(where, "cannot be varied: results are the same; give it beside sweep");
  const seen = new Set<string>();
  for (const value of values as readonly unknown[]) {
    settle([{ path, value, where }]);
    const shown = JSON.stringify(value);
    if (seen.has(shown)) throw new ConfigError(where, `${showValue(value)} is there twice`);
    seen.add(shown);
  }
  return { path, values };
}

/**
 * The seeds of `1..10`, `3` or `1,4,7..9`.
 *
 * @throws {ConfigError} on another form, and when one is there twice
 */
export function parseSeeds(text: string): readonly number[] {
  const seeds = new Set<number>();
  for (const part of text.split(",")) {
    const match = /^(\d{1,10})(?:\.\.(\d{1,10}))?$/.exec(part.trim());
    const from = Number(match?.[1] ?? NaN);
    const to = Number(match?.[2] ?? from);
    if (!(from <= to && to <= SEED_MAX))
      throw new ConfigError(
        "--seed",
        `${showValue(text)} is not allowed; allowed: seeds from 0 to ${SEED_MAX}, such as 1..10 or 1,4,7`,
      );
    if (to - from >= SEEDS_MAX || seeds.size > SEEDS_MAX)
      throw new ConfigError("--seed", `more than ${SEEDS_MAX} seeds`);
    for (let seed = from; seed <= to; seed++) {
      if (seeds.has(seed)) throw new ConfigError("--seed", `${seed} is there twice`);
      seeds.add(seed);
    }
  }
  return [...seeds];
}
