/** A scenario's values one by one, under their dotted names. */
import type { Scenario } from "./scenario.ts";
import { FIELD_PATHS, SCHEMA } from "./schema.ts";
import type { FieldPath } from "./schema.ts";

/** The value at a path; `undefined` where there is none, as inside a group that is null. */
export function fieldOf(scenario: Partial<Scenario>, path: FieldPath): unknown {
  let at: unknown = scenario;
  for (const name of path.split(".")) {
    if (typeof at !== "object" || at === null) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[name];
  }
  return at;
}

/** Paths at which the scenario is not what it is by default, in the order of the schema. */
export function changedFields(scenario: Partial<Scenario>): readonly FieldPath[] {
  return FIELD_PATHS.filter((path) => {
    const value = fieldOf(scenario, path);
    // A default of null is one that was worked out from the others.
    const { initial } = SCHEMA[path];
    return value !== undefined && initial !== null && !isSame(value, initial);
  });
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
