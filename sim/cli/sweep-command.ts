/** `causeway sim sweep`: every combination of some values, with every seed. */
import type { ParsedArguments } from "../../platform/cli/arguments.ts";
import type { CommandIo } from "../../platform/cli/command.ts";
import { JSON_OPTION, defineCommand } from "../../platform/cli/define-command.ts";
import { count as counted } from "../../platform/cli/text-table.ts";
import { ConfigError } from "../../platform/errors.ts";
import { readVersion } from "../../platform/io/version.ts";
import { SimulationError } from "../errors.ts";
import { readScenarioText } from "../io/input-files.ts";
import { interruptible } from "../io/interruption.ts";
import { runLocally } from "../io/local-engine.ts";
import { absolutePath, freeBytes } from "../io/machine.ts";
import { runInParallel } from "../io/parallel-engine.ts";
import { StatusLine } from "../io/progress-report.ts";
import { runWithSlurm } from "../io/slurm-engine.ts";
import { openSweep, unfinished, writePoint } from "../io/sweep-directory.ts";
import { parseSet } from "../scenario/assignments.ts";
import { refuseTooLarge } from "../scenario/memory.ts";
import type { SweepEngine } from "../sweep/sweep-engine.ts";
import { parseSeeds, parseSweepText } from "../sweep/sweep-file.ts";
import { planSweep, pointsOf } from "../sweep/sweep-plan.ts";
import type { SweepPoint } from "../sweep/sweep-plan.ts";
import { renderSweepProgress } from "./progress-line.ts";

const ENGINES = ["local", "parallel", "slurm"] as const;
const JOBS_MAX = 1000;

export const sweepCommand = defineCommand({
  name: "sim sweep",
  summary: "Run a scenario with several values and seeds, and go on where it was interrupted",
  operands: [{ name: "FILE", doc: "YAML: a scenario, and sweep: {nodes: [1000, 2000], …}" }],
  options: [
    { name: "seed", value: "SEEDS", doc: "1..10 or 1,4,7; else those of the file" },
    { name: "jobs", value: "N", doc: "runs at once, on each host; 1 unless given" },
    { name: "out", value: "DIR", doc: "where results go; FILE.results unless given", isPath: true },
    {
      name: "engine",
      value: "ENGINE",
      doc: "local (processes here), parallel (GNU parallel, over ssh) or slurm (an array of jobs)",
      choices: ENGINES,
    },
    {
      name: "hosts",
      value: "FILE",
      doc: "parallel: hosts, one a line, as its --sshloginfile",
      isPath: true,
    },
    { name: "command", value: "CMD", doc: 'parallel: how hosts start causeway; "causeway" there' },
    { name: "set", value: "NAME=VALUE", doc: "any value of the scenario", isRepeatable: true },
    { name: "progress", doc: "show progress also where standard error is no terminal" },
    JSON_OPTION,
  ],
  details: [
    "Each point has a result file of its own, written whole or not at all. The same command again goes on:",
    "what is finished is skipped, and a file that asks for more points adds them. ^C keeps what is finished.",
    'Then "causeway sim collect DIR" merges and plots. docs/simulation.md has the engines.',
  ].join("\n"),
  action: sweep,
});

async function sweep(args: ParsedArguments, io: CommandIo): Promise<number> {
  const file = args.operands[0] ?? "";
  const jobs = wholeNumber("--jobs", args.value("jobs") ?? "1");
  const engine = engineFrom(args);
  const parsed = parseSweepText(await readScenarioText(file), file);
  const seedText = args.value("seed");
  const plan = planSweep(
    parsed,
    seedText === undefined ? null : parseSeeds(seedText),
    args.values("set").map(parseSet),
    readVersion(),
  );
  const allPoints = pointsOf(plan);
  if ((args.value("engine") ?? "local") === "local") refuseTooMany(allPoints, jobs);
  const directory = absolutePath(args.value("out") ?? `${file.replace(/\.ya?ml$/, "")}.results`);
  await openSweep(directory, plan);
  const points = await unfinished(directory, allPoints);
  const tally = { finished: 0, failed: 0 };
  const line = new StatusLine(args.has("progress"));
  const wasInterrupted = await interruptible(async (signal) => {
    if (points.length > 0)
      await engine({
        points,
        allPoints,
        directory,
        jobs,
        signal,
        async onResult(point, result) {
          await writePoint(directory, point, result);
          tally.finished++;
          line.show((_, totalMs) =>
            renderSweepProgress(tally.finished, points.length, totalMs / 1000),
          );
        },
        onFailure(point, problem) {
          tally.failed++;
          line.end();
          io.stderr(`causeway: ${nameOf(point)}: ${problem}`);
        },
        onNote(note) {
          line.end();
          io.stderr(note);
        },
      });
    return signal.aborted;
  }).finally(() => line.end());
  const counts = {
    directory,
    points: allPoints.length,
    before: allPoints.length - points.length,
    ...tally,
    left: points.length - tally.finished,
  };
  if (args.has("json")) io.stdout(JSON.stringify(counts));
  else
    io.stdout(
      `${counted(counts.points, "point")}: ${counts.before} finished before, ${counts.finished} now, ${counts.left} left; see "causeway sim collect ${directory}"`,
    );
  if (wasInterrupted)
    throw new SimulationError("ERR_SIM_INTERRUPTED", "interrupted; run the same again to go on");
  return counts.left === 0 ? 0 : 1;
}

function engineFrom(args: ParsedArguments): SweepEngine {
  const name = args.value("engine") ?? "local";
  const hostsFile = args.value("hosts") ?? null;
  const command = args.value("command") ?? null;
  if (name !== "parallel" && (hostsFile !== null || command !== null))
    throw new ConfigError(hostsFile === null ? "--command" : "--hosts", "is for --engine parallel");
  if (name === "slurm") return runWithSlurm;
  return name === "parallel" ? (work) => runInParallel(work, { hostsFile, command }) : runLocally;
}

/** The largest ones may all be at work at once. */
function refuseTooMany(points: readonly SweepPoint[], jobs: number): void {
  for (const { scenario } of points) refuseTooLarge(scenario, freeBytes() / jobs);
}

function nameOf({ label, scenario }: SweepPoint): string {
  return `${label} seed=${scenario.seed}`.trim();
}

function wholeNumber(option: string, text: string): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : NaN;
  if (value >= 1 && value <= JOBS_MAX) return value;
  throw new ConfigError(
    option,
    `"${text}" is not allowed; allowed: a whole number from 1 to ${JOBS_MAX}`,
  );
}
