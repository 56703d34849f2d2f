/**
 * Rules of the bridge in the configuration: lists of mappings.
 *
 * Only their form is checked here, since this file is read by every client command and the bridge
 * is dear to load; what they mean is checked when the daemon starts or reloads.
 */
import type { About, Setting } from "../../platform/setting.ts";
import { setting } from "../../platform/setting.ts";

export interface ConfiguredExport {
  readonly type: string;
  readonly name?: string;
  readonly keys?: readonly string[];
  readonly to?: readonly string[];
  readonly unlisted?: boolean;
}

export interface ConfiguredImport {
  readonly types?: readonly string[];
  readonly keys?: readonly string[];
  readonly from?: readonly string[];
  readonly localOnly?: boolean;
  readonly direct?: boolean;
}

type Kind = "text" | "texts" | "flag";
type Fields = Readonly<Record<string, Kind>>;

const EXPORT_FIELDS: Fields = {
  type: "text",
  name: "text",
  keys: "texts",
  to: "texts",
  unlisted: "flag",
};
const IMPORT_FIELDS: Fields = {
  types: "texts",
  keys: "texts",
  from: "texts",
  localOnly: "flag",
  direct: "flag",
};
const KIND_ALLOWED: Readonly<Record<Kind, string>> = {
  text: "text",
  texts: "a list of texts",
  flag: "true or false",
};

export function exportRules(
  about: About<readonly ConfiguredExport[]>,
): Setting<readonly ConfiguredExport[]> {
  const allowed =
    'a list of rules `{type: http, name: "Tom*", keys: [office], to: ["host:ID"], unlisted: true}`, of which only `type` must be there';
  return setting(about, allowed, (value) => {
    const problem = problemOf(value, EXPORT_FIELDS, "type");
    return problem === undefined ? { value: value as readonly ConfiguredExport[] } : { problem };
  });
}

export function importRules(
  about: About<readonly ConfiguredImport[]>,
): Setting<readonly ConfiguredImport[]> {
  const allowed =
    'a list of rules `{types: [http], keys: [office], from: ["subnet:ID"], localOnly: true, direct: true}`, each with a type or a key';
  return setting(about, allowed, (value) => {
    const problem = problemOf(value, IMPORT_FIELDS, undefined);
    return problem === undefined ? { value: value as readonly ConfiguredImport[] } : { problem };
  });
}

function problemOf(value: unknown, fields: Fields, needed: string | undefined): string | undefined {
  if (!Array.isArray(value)) return "allowed: a list of rules, each a mapping";
  for (const [i, rule] of (value as readonly unknown[]).entries()) {
    const problem = ruleProblem(rule, fields, needed);
    if (problem !== undefined) return `rule ${i + 1}: ${problem}`;
  }
  return undefined;
}

function ruleProblem(
  rule: unknown,
  fields: Fields,
  needed: string | undefined,
): string | undefined {
  const known = Object.keys(fields).join(", ");
  if (typeof rule !== "object" || rule === null || Array.isArray(rule))
    return `not a mapping of ${known}`;
  for (const [name, value] of Object.entries(rule) as [string, unknown][]) {
    const kind = Object.hasOwn(fields, name) ? fields[name]! : undefined;
    if (kind === undefined) return `unknown key "${name.slice(0, 40)}"; known: ${known}`;
    if (!isOfKind(value, kind)) return `${name}: allowed: ${KIND_ALLOWED[kind]}`;
  }
  return needed === undefined || needed in rule ? undefined : `"${needed}" is missing`;
}

function isOfKind(value: unknown, kind: Kind): boolean {
  if (kind === "flag") return typeof value === "boolean";
  if (kind === "text") return typeof value === "string";
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}
