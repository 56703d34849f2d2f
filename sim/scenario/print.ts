/** A scenario as people read it: commented YAML, and the reference in the documentation. */
import type { Scenario } from "./scenario.ts";
import { FIELD_PATHS, OPTIONAL_GROUPS, SCHEMA } from "./schema.ts";

const INDENT = "  ";

/** The resolved scenario as YAML that resolves to the same. */
export function printScenario(scenario: Scenario): string {
  const lines: string[] = [];
  printGroup(scenario, "", lines);
  return lines.join("\n");
}

function printGroup(group: object, prefix: string, lines: string[]): void {
  const indent = INDENT.repeat(prefix.split(".").length - 1);
  for (const [name, value] of Object.entries(group) as [string, unknown][]) {
    const path = `${prefix}${name}`;
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      lines.push(`${indent}${name}:`);
      printGroup(value, `${path}.`, lines);
    } else lines.push(`${indent}${name}: ${JSON.stringify(value)}${commentOf(path)}`);
  }
}

function commentOf(path: string): string {
  const allowed = Object.hasOwn(SCHEMA, path)
    ? SCHEMA[path as keyof typeof SCHEMA].allowed
    : `a group of settings; or null`;
  return ` # ${allowed}`;
}

/** The list of fields for the documentation, so that text and checks cannot disagree. */
export function renderScenarioReference(): string {
  return FIELD_PATHS.map((path) => {
    const { doc, allowed, initial, defaultDoc } = SCHEMA[path];
    const group = OPTIONAL_GROUPS.find((one) => path.startsWith(`${one}.`));
    const value = defaultDoc ?? `\`${JSON.stringify(initial)}\``;
    const fallback = group === undefined ? value : `${value}, once \`${group}\` is given`;
    return `- \`${path}\`: ${doc} Allowed: ${allowed}. Default: ${fallback}.`;
  }).join("\n");
}
