/** The file of a sweep's directory that says which sweep it is. */
import { ConfigError } from "../../platform/errors.ts";
import { isMapping, parseYamlMapping } from "../../platform/yaml.ts";
import { assignmentsOf } from "../scenario/assignments.ts";
import type { Assignment } from "../scenario/assignments.ts";
import { parseSweepText } from "./sweep-file.ts";
import type { SweepPlan } from "./sweep-plan.ts";

/** One line of JSON. */
export function renderPlan({ version, base, axes, seeds }: SweepPlan): string {
  return `${JSON.stringify({
    version,
    given: base.map(({ path, value }) => [path, value]),
    sweep: Object.fromEntries([
      ...axes.map(({ path, values }): readonly [string, unknown] => [path, values]),
      ["seed", seeds],
    ]),
  })}\n`;
}

/** @throws {ConfigError} when it is not one that `renderPlan` made */
export function parsePlan(content: string, file: string): SweepPlan {
  // JSON is YAML, and its errors have a line and a column.
  const root = parseYamlMapping(content, file) as Readonly<Record<string, unknown>>;
  const { version, given, sweep } = root;
  if (typeof version !== "string" || !Array.isArray(given) || !isMapping(sweep))
    throw new ConfigError(file, "is not the plan of a sweep; choose another directory");
  const { axes, seeds } = parseSweepText(JSON.stringify({ sweep }), file);
  if (seeds === null) throw new ConfigError(file, "names no seeds");
  return { version, base: given.flatMap((pair) => readPair(pair, file)), axes, seeds };
}

function readPair(pair: unknown, file: string): readonly Assignment[] {
  if (!Array.isArray(pair) || typeof pair[0] !== "string")
    throw new ConfigError(file, "is not the plan of a sweep; choose another directory");
  return assignmentsOf({ [pair[0]]: pair[1] as unknown }, file);
}
