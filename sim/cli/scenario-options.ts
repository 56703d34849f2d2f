/** The options by which a scenario is told on the command line. */
import type { ParsedArguments } from "../../platform/cli/arguments.ts";
import type { OptionSpec } from "../../platform/cli/command.ts";
import { ConfigError } from "../../platform/errors.ts";
import { readScenarioFile } from "../io/input-files.ts";
import { parseSet, settle } from "../scenario/assignments.ts";
import type { Assignment } from "../scenario/assignments.ts";
import { resolveScenario } from "../scenario/resolve.ts";
import type { Kind, Scenario } from "../scenario/scenario.ts";
import { SCHEMA } from "../scenario/schema.ts";
import type { FieldPath } from "../scenario/schema.ts";

/** Fields that have an option of their own. */
const FIELD_OPTIONS = [
  "protocol",
  "nodes",
  "rate",
  "seed",
  "threads",
] as const satisfies FieldPath[];

const VALUES: Readonly<Record<(typeof FIELD_OPTIONS)[number], string>> = {
  protocol: "PROTOCOL",
  nodes: "N",
  rate: "R",
  seed: "S",
  threads: "N",
};

export const SCENARIO_OPTIONS: readonly OptionSpec[] = [
  { name: "scenario", value: "FILE", doc: "YAML file of a scenario", isPath: true },
  ...FIELD_OPTIONS.map((name) => ({
    name,
    value: VALUES[name],
    doc: `${SCHEMA[name].doc} ${SCHEMA[name].allowed}; ${JSON.stringify(SCHEMA[name].initial)} unless given`,
  })),
  {
    name: "set",
    value: "NAME=VALUE",
    doc: "any value of the scenario, such as kademlia.k=8; wins over all else",
    isRepeatable: true,
  },
  { name: "print", doc: "print the resolved scenario as YAML, and end" },
];

/**
 * The scenario that the options tell: the file's, then options by name, then `--set`.
 *
 * @throws {ConfigError} for what cannot be
 */
export async function scenarioFrom(args: ParsedArguments, kind: Kind): Promise<Scenario> {
  return resolveScenario([...(await assignmentsFrom(args, kind)), ...kindOf(kind)]);
}

async function assignmentsFrom(args: ParsedArguments, kind: Kind): Promise<readonly Assignment[]> {
  const file = args.value("scenario");
  const fromFile = file === undefined ? [] : await readScenarioFile(file);
  refuseOtherKind(fromFile, kind);
  const fromOptions = FIELD_OPTIONS.flatMap((path) => {
    const text = args.value(path);
    return text === undefined ? [] : [{ path, value: scalarOf(text), where: `--${path}` }];
  });
  return [...fromFile, ...fromOptions, ...args.values("set").map(parseSet)];
}

function kindOf(kind: Kind): readonly Assignment[] {
  return [{ path: "kind", value: kind, where: `sim ${kind}` }];
}

function refuseOtherKind(given: readonly Assignment[], kind: Kind): void {
  for (const one of settle(given))
    if (one.type === "value" && one.path === "kind" && one.value !== kind)
      throw new ConfigError(
        "kind",
        `the file is for "causeway sim ${String(one.value)}", not for "sim ${kind}"`,
      );
}

/** Numbers as numbers, all else as text. */
function scalarOf(text: string): number | string {
  return /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
}
