/** All points of a sweep: every combination of its values with every seed. */
import { createHash } from "node:crypto";
import { ConfigError } from "../../platform/errors.ts";
import { showValue } from "../../platform/yaml.ts";
import type { SimulationResult, StudiedScenario } from "../results/result.ts";
import type { Assignment } from "../scenario/assignments.ts";
import { resolveScenario } from "../scenario/resolve.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { SweepAxis, SweepFile } from "./sweep-file.ts";

/** What makes a sweep, in a form that is written down and read again. */
export interface SweepPlan {
  /** Of the program, since another's results may differ. */
  readonly version: string;
  readonly base: readonly Assignment[];
  readonly axes: readonly SweepAxis[];
  readonly seeds: readonly number[];
}

/** One run of a sweep. */
export interface SweepPoint {
  /** 32 hexadecimal digits that only this scenario has; the name of its result. */
  readonly key: string;
  /** What tells it from other points, the seed aside: `nodes=1000 kademlia.k=8`. */
  readonly label: string;
  readonly scenario: Scenario;
}

const POINTS_MAX = 20_000;

/** @param seeds of the command line; null for those of the file, or else the scenario's */
export function planSweep(
  file: SweepFile,
  seeds: readonly number[] | null,
  sets: readonly Assignment[],
  version: string,
): SweepPlan {
  const base = [...file.base, ...sets];
  const own = seeds ?? file.seeds ?? [resolveScenario([...base, ...firstOf(file.axes)]).seed];
  return { version, base, axes: file.axes, seeds: own };
}

function firstOf(axes: readonly SweepAxis[]): readonly Assignment[] {
  return axes.map((axis) => assignment(axis, axis.values[0]));
}

function assignment({ path }: SweepAxis, value: unknown): Assignment {
  return { path, value, where: `sweep.${path}` };
}

/**
 * The points in a fixed order: seeds turn fastest, then the last axis.
 *
 * @throws {ConfigError} when a combination is impossible, or there are too many
 */
export function pointsOf({ version, base, axes, seeds }: SweepPlan): readonly SweepPoint[] {
  const count = axes.reduce((product, { values }) => product * values.length, seeds.length);
  if (count > POINTS_MAX)
    throw new ConfigError("sweep", `${count} points; at most ${POINTS_MAX} are allowed`);
  return combinations(axes).flatMap((given) => {
    const label = given.map(({ path, value }) => `${path}=${showValue(value)}`).join(" ");
    return seeds.map((seed) => {
      const scenario = resolvePoint([...base, ...given], seed, label);
      return { key: pointKey(scenario, version), label, scenario };
    });
  });
}

function combinations(axes: readonly SweepAxis[]): readonly (readonly Assignment[])[] {
  return axes.reduce<readonly (readonly Assignment[])[]>(
    (known, axis) =>
      known.flatMap((given) => axis.values.map((value) => [...given, assignment(axis, value)])),
    [[]],
  );
}

function resolvePoint(given: readonly Assignment[], seed: number, label: string): Scenario {
  try {
    return resolveScenario([...given, { path: "seed", value: seed, where: "--seed" }]);
  } catch (error) {
    if (!(error instanceof ConfigError) || label === "") throw error;
    throw new ConfigError(`at ${label}`, error.message, { cause: error });
  }
}

/** The name of a point's result: by all that its result depends on. */
export function pointKey(scenario: StudiedScenario, version: string): string {
  const studied = { ...scenario, threads: undefined };
  return createHash("sha256")
    .update(JSON.stringify([version, studied]))
    .digest("hex")
    .slice(0, 32);
}

/** Whether a result is that of a point: of its scenario, and of this version. */
export function isOfPoint({ scenario, version }: SimulationResult, { key }: SweepPoint): boolean {
  return pointKey(scenario, version) === key;
}

/**
 * Sees whether what was planned before is still part of the plan; a sweep may grow.
 *
 * @throws {ConfigError} when points that may be finished are no longer asked for
 */
export function refuseOtherSweep(directory: string, before: SweepPlan, now: SweepPlan): void {
  if (before.version !== now.version)
    throw new ConfigError(
      directory,
      `holds a sweep of causeway ${before.version}, and this is ${now.version}, whose results may differ; choose another --out`,
    );
  const keys = new Set(pointsOf(now).map(({ key }) => key));
  const old = pointsOf(before);
  const lost = old.filter(({ key }) => !keys.has(key));
  const [first] = lost;
  if (first === undefined) return;
  const name = `${first.label} seed=${first.scenario.seed}`.trim();
  throw new ConfigError(
    directory,
    `holds another sweep: ${lost.length} of its ${old.length} points are not in this one, such as ${name}; choose another --out`,
  );
}
