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

/** The table of fields, so that text and checks cannot disagree. */
export function renderScenarioReference(): string {
  const lines = ["| field | meaning | allowed | default |", "| --- | --- | --- | --- |"];
  for (const path of FIELD_PATHS) {
    const { doc, allowed, initial, defaultDoc } = SCHEMA[path];
    const isOptional = OPTIONAL_GROUPS.some((group) => path.startsWith(`${group}.`));
    const value = defaultDoc ?? `\`${JSON.stringify(initial)}\``;
    lines.push(
      `| \`${path}\` | ${doc} | ${allowed} | ${isOptional ? `${value} once its group is given` : value} |`,
    );
  }
  return lines.join("\n");
}
