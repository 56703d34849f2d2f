/** The scenarios that come with the program, in `sim/scenarios/`. */
import { fileURLToPath } from "node:url";
import { assignmentsOf } from "../scenario/assignments.ts";
import { resolveScenario } from "../scenario/resolve.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { readScenarioFile } from "./input-files.ts";

/** @param name  `fig-2.1a` */
export function ownScenarioFile(name: string): string {
  return fileURLToPath(new URL(`../scenarios/${name}.yaml`, import.meta.url));
}

/** @param changes  nested or dotted, as in a file */
export async function ownScenario(
  name: string,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<Scenario> {
  return resolveScenario([
    ...(await readScenarioFile(ownScenarioFile(name))),
    ...assignmentsOf(changes, name),
  ]);
}
