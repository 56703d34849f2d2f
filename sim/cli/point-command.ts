/** `causeway sim point`: what runs a sweep's points, started by its engines. */
import type { Command } from "../../platform/cli/command.ts";
import { defineCommand } from "../../platform/cli/define-command.ts";
import { ConfigError } from "../../platform/errors.ts";
import { parseYamlMapping } from "../../platform/yaml.ts";
import { readStandardInput } from "../io/input-files.ts";
import { runMeasured } from "../io/measured-run.ts";
import type { RunEngine } from "../io/measured-run.ts";
import { readSweep, unfinished, writePoint } from "../io/sweep-directory.ts";
import { assignmentsOf } from "../scenario/assignments.ts";
import { resolveScenario } from "../scenario/resolve.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { parseShare, pointsOfShare } from "../sweep/slurm-batch.ts";
import { pointsOf } from "../sweep/sweep-plan.ts";

/** The engine wants one; whoever ends a point kills its process. */
const WATCH = {
  signal: new AbortController().signal,
  trace: undefined,
  wantsEdges: false,
  onProgress: () => undefined,
};

export function createPointCommand(engine: RunEngine): Command {
  return defineCommand({
    name: "sim point",
    summary: "Run single points of a sweep, as its engines do",
    operands: [],
    options: [
      { name: "sweep", value: "DIR", doc: "the sweep's directory, for its results", isPath: true },
      { name: "share", value: "I/N", doc: "of its unfinished points each N-th, from the I-th on" },
    ],
    details: [
      "Without options it reads scenarios from standard input, as JSON with one in each line, and prints",
      "the result of each in one line.",
    ].join("\n"),
    async action(args, io) {
      const directory = args.value("sweep");
      const share = args.value("share");
      if ((directory === undefined) !== (share === undefined))
        throw new ConfigError("--share", "goes with --sweep, and --sweep with it");
      if (directory !== undefined && share !== undefined) await runShare(directory, share, engine);
      else
        for (const scenario of await readScenarios())
          io.stdout(JSON.stringify((await runMeasured(engine, scenario, WATCH)).result));
      return 0;
    },
  });
}

async function runShare(directory: string, text: string, engine: RunEngine): Promise<void> {
  const { share, count } = parseShare(text);
  const points = pointsOfShare(pointsOf(await readSweep(directory)), share, count);
  for (const point of await unfinished(directory, points))
    await writePoint(directory, point, (await runMeasured(engine, point.scenario, WATCH)).result);
}

async function readScenarios(): Promise<readonly Scenario[]> {
  const lines = (await readStandardInput()).split("\n").filter((line) => line.trim() !== "");
  return lines.map((line, i) => {
    const root = parseYamlMapping(line, `standard input, line ${i + 1}`);
    return resolveScenario(assignmentsOf(root, `line ${i + 1}`));
  });
}
