/** `causeway sim reproduce`: the thesis' figures in one report. */
import type { ParsedArguments } from "../../platform/cli/arguments.ts";
import type { Command, CommandIo } from "../../platform/cli/command.ts";
import { JSON_OPTION, defineCommand } from "../../platform/cli/define-command.ts";
import { ConfigError } from "../../platform/errors.ts";
import { readVersion } from "../../platform/io/version.ts";
import { SimulationError } from "../errors.ts";
import { aboutMachine } from "../io/bench-bed.ts";
import { interruptible } from "../io/interruption.ts";
import { runLocally } from "../io/local-engine.ts";
import { absolutePath } from "../io/machine.ts";
import { runMeasured } from "../io/measured-run.ts";
import type { RunEngine } from "../io/measured-run.ts";
import { makeDirectory, tryOutput, writeOutput } from "../io/output-files.ts";
import { ownScenario } from "../io/own-scenarios.ts";
import { StatusLine } from "../io/progress-report.ts";
import { readPoint, unfinished, writePoint } from "../io/sweep-directory.ts";
import { renderPage } from "../reproduce/page.ts";
import { reportPage } from "../reproduce/report.ts";
import { planStudies, studiesOf } from "../reproduce/studies.ts";
import type { Findings, Studies } from "../reproduce/studies.ts";
import { successorEdges } from "../reproduce/topology-chapters.ts";
import type { Snapshot } from "../reproduce/topology-chapters.ts";
import type { SimulationResult } from "../results/result.ts";
import { renderSweepProgress } from "./progress-line.ts";

const OUT = "reproduction.html";
const JOBS = 2;
const SEEDS_MAX = 1000;

export function createReproduceCommand(engine: RunEngine): Command {
  return defineCommand({
    name: "sim reproduce",
    summary: "Simulate the thesis' figures anew, and compare them in one HTML report",
    operands: [],
    options: [
      { name: "quick", doc: "a minute's version: fewer seeds, sizes and intervals" },
      { name: "seeds", value: "N", doc: "seeds 1 to N; 10, or 2 with --quick" },
      { name: "out", value: "FILE", doc: `the report; ${OUT} unless given`, isPath: true },
      { name: "progress", doc: "show progress also where standard error is no terminal" },
      JSON_OPTION,
    ],
    details: [
      "Figures 2.1a, 2.1b, 2.2, 2.5, 2.6, 2.7 and 2.8 of chapter 2, beside the thesis' values and OverSim's.",
      "Two runs at once, each a process; finished ones are kept in FILE.results, and the same command goes on",
      "where it was interrupted. Without --quick it takes about an hour of two processors.",
    ].join("\n"),
    action: (args, io) => reproduce(engine, args, io),
  });
}

async function reproduce(engine: RunEngine, args: ParsedArguments, io: CommandIo): Promise<number> {
  const isQuick = args.has("quick");
  const file = absolutePath(args.value("out") ?? OUT);
  const directory = `${file.replace(/\.html?$/, "")}.results`;
  const version = readVersion();
  const studies = await planStudies({ isQuick, seeds: seedCount(args.value("seeds")), version });
  await makeDirectory(`${directory}/points`);
  await tryOutput(file);
  const failed = await runStudies(studies, directory, args.has("progress"), io);
  const findings = await readFindings(studies, directory);
  const slowChord = await ownScenario("fig-2.6");
  const snapshots = await interruptible((signal) => takeSnapshots(engine, signal));
  const { startedAt, machine } = aboutMachine();
  const foot = `${startedAt.slice(0, 10)}, ${machine.model}, Node ${machine.node}. The same program and seeds give the same results.`;
  const parts = { studies, findings, snapshots, slowChord, isQuick, version, foot };
  await writeOutput(file, renderPage(reportPage(parts)));
  const runs = [...findings.values()].reduce((sum, results) => sum + results.length, 0);
  if (args.has("json")) io.stdout(JSON.stringify({ file, directory, runs, failed }));
  else io.stdout(`${runs} runs, ${failed} failed; the report is ${file}`);
  return failed === 0 ? 0 : 1;
}

/** @returns how many failed */
async function runStudies(
  studies: Studies,
  directory: string,
  isShown: boolean,
  io: CommandIo,
): Promise<number> {
  const allPoints = studiesOf(studies).flatMap(({ points }) => points);
  const points = await unfinished(directory, allPoints);
  const line = new StatusLine(isShown);
  const tally = { finished: 0, failed: 0 };
  const wasInterrupted = await interruptible(async (signal) => {
    await runLocally({
      ...{ points, allPoints, directory, jobs: JOBS, signal },
      async onResult(point, result) {
        await writePoint(directory, point, result);
        tally.finished++;
        line.show((_, totalMs) =>
          renderSweepProgress(tally.finished, points.length, totalMs / 1000),
        );
      },
      onFailure({ label, scenario }, problem) {
        tally.failed++;
        line.end();
        io.stderr(`causeway: ${label} seed=${scenario.seed}: ${problem}`);
      },
      onNote: (note) => io.stderr(note),
    });
    return signal.aborted;
  }).finally(() => line.end());
  if (wasInterrupted)
    throw new SimulationError("ERR_SIM_INTERRUPTED", "interrupted; run the same again to go on");
  return tally.failed;
}

async function readFindings(studies: Studies, directory: string): Promise<Findings> {
  const findings = new Map<string, readonly SimulationResult[]>();
  for (const { name, points } of studiesOf(studies)) {
    const results = await Promise.all(points.map((point) => readPoint(directory, point)));
    findings.set(
      name,
      results.filter((result) => result !== null),
    );
  }
  return findings;
}

/** Small runs, in this process, which knows the edges afterwards. */
async function takeSnapshots(engine: RunEngine, signal: AbortSignal): Promise<readonly Snapshot[]> {
  const snapshots: Snapshot[] = [];
  for (const [name, changes] of [
    ["without aggressive join", {}],
    ["with aggressive join", { "chord.isAggressive": true }],
  ] as const) {
    const watch = { signal, trace: undefined, wantsEdges: true, onProgress: () => undefined };
    const run = await runMeasured(engine, await ownScenario("fig-2.6", changes), watch);
    snapshots.push({ name, result: run.result, successors: successorEdges(run.edges()) });
  }
  return snapshots;
}

function seedCount(text: string | undefined): number | null {
  if (text === undefined) return null;
  const count = /^\d{1,6}$/.test(text) ? Number(text) : NaN;
  if (count >= 1 && count <= SEEDS_MAX) return count;
  throw new ConfigError(
    "--seeds",
    `"${text}" is not allowed; allowed: a whole number from 1 to ${SEEDS_MAX}`,
  );
}
