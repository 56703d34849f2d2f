/** Values that a scenario is given, in the order in which later ones win. */
import { parseDocument } from "yaml";
import { ConfigError } from "../../platform/errors.ts";
import { nearestNames } from "../../platform/nearest.ts";
import { isMapping, parseYamlMapping, showValue } from "../../platform/yaml.ts";
import { FIELD_PATHS, OPTIONAL_GROUPS, SCHEMA } from "./schema.ts";
import type { FieldPath } from "./schema.ts";

/** One value as given, not checked yet. */
export interface Assignment {
  /** Dotted; a field or a group of them. */
  readonly path: string;
  readonly value: unknown;
  /** Where it stands, as errors say it: `churn.yaml: nodes`, `--set nodes`. */
  readonly where: string;
}

/** A field's checked value, or a group that is taken away. */
export type Settled =
  | { readonly type: "value"; readonly path: FieldPath; readonly value: unknown }
  | { readonly type: "absent"; readonly group: string };

const SET = /^([A-Za-z][A-Za-z0-9.]{0,99})=([\s\S]*)$/;

/**
 * What `--set a.b=v` says; the value is YAML.
 *
 * @throws {ConfigError} on another form
 */
export function parseSet(text: string): Assignment {
  const match = SET.exec(text);
  if (match === null)
    throw new ConfigError("--set", `${showValue(text)} is not NAME=VALUE, such as kademlia.k=8`);
  const [, path = "", value = ""] = match;
  const document = parseDocument(value, { prettyErrors: false, stringKeys: true });
  if (document.errors.length > 0)
    throw new ConfigError(`--set ${path}`, `${showValue(value)} is not a YAML value`);
  try {
    return { path, value: document.toJS({ maxAliasCount: 0 }) as unknown, where: `--set ${path}` };
  } catch {
    throw new ConfigError(`--set ${path}`, `${showValue(value)} is not a plain YAML value`);
  }
}

/**
 * What a scenario file says.
 *
 * @throws {ConfigError} with line and column when it is not YAML
 */
export function parseScenarioText(content: string, file: string): readonly Assignment[] {
  return assignmentsOf(parseYamlMapping(content, file), file);
}

export function assignmentsOf(mapping: object, file: string): readonly Assignment[] {
  return Object.entries(mapping).map(([path, value]: [string, unknown]) => ({
    path,
    value,
    where: `${file}: ${path}`,
  }));
}

/**
 * Checks each value against the schema, down to single fields.
 *
 * @throws {ConfigError} with where it stands, the value and what is allowed
 */
export function settle(given: readonly Assignment[]): readonly Settled[] {
  return given.flatMap((one) => settleOne(one));
}

function settleOne({ path, value, where }: Assignment): readonly Settled[] {
  if (isField(path)) return [{ type: "value", path, value: check(path, value, where) }];
  const isGroup = FIELD_PATHS.some((field) => field.startsWith(`${path}.`));
  if (!isGroup) throw unknown(path, where);
  if (value === null && OPTIONAL_GROUPS.some((group) => group === path))
    return [{ type: "absent", group: path }];
  if (!isMapping(value))
    throw new ConfigError(
      where,
      `${showValue(value)} is not allowed; it is a group: ${membersOf(path).join(", ")}`,
    );
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]) =>
    settleOne({ path: `${path}.${name}`, value: inner, where: `${where}.${name}` }),
  );
}

function isField(path: string): path is FieldPath {
  return Object.hasOwn(SCHEMA, path);
}

function check(path: FieldPath, value: unknown, where: string): unknown {
  const { allowed, parse } = SCHEMA[path];
  const parsed = parse(value);
  if (parsed === undefined)
    throw new ConfigError(where, `${showValue(value)} is not allowed; allowed: ${allowed}`);
  if ("problem" in parsed) throw new ConfigError(where, parsed.problem);
  return withoutNegativeZero(parsed.value);
}

/** JSON and YAML print it as 0, and a scenario that is printed is to be the same. */
function withoutNegativeZero(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNegativeZero);
  if (isMapping(value))
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, withoutNegativeZero(inner)]),
    );
  return value === 0 ? 0 : value;
}

function membersOf(group: string): readonly string[] {
  const inside = FIELD_PATHS.filter((field) => field.startsWith(`${group}.`));
  return [...new Set(inside.map((field) => field.slice(group.length + 1).split(".")[0] ?? ""))];
}

function unknown(path: string, where: string): ConfigError {
  const near = nearestNames(path, FIELD_PATHS);
  return new ConfigError(
    where,
    near.length > 0
      ? `unknown; did you mean ${near.join(" or ")}?`
      : 'unknown; "causeway sim bootstrap --print" shows what there is',
  );
}
