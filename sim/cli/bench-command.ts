/** `causeway bench sim`: what the simulator costs and finds, against bars. */
import { drawChart } from "../../platform/bench/chart.ts";
import { createFigure } from "../../platform/bench/figure.ts";
import type { Figure, FigureTable } from "../../platform/bench/figure.ts";
import { reportLines, reportObject } from "../../platform/bench/report.ts";
import type { ParsedArguments } from "../../platform/cli/arguments.ts";
import type { CommandIo } from "../../platform/cli/command.ts";
import { JSON_OPTION, defineCommand } from "../../platform/cli/define-command.ts";
import { ConfigError, errorMessage } from "../../platform/errors.ts";
import { nearestNames } from "../../platform/nearest.ts";
import { convergence, intervals, sizes } from "../bench/convergence.ts";
import { COST_SECTIONS, LONG_COST_SECTIONS } from "../bench/costs.ts";
import { deopts } from "../bench/deopts.ts";
import type { SimBench, SimSection } from "../bench/section.ts";
import { SimulationError } from "../errors.ts";
import { aboutMachine, createBench, stopwatch } from "../io/bench-bed.ts";
import { interruptible } from "../io/interruption.ts";
import { tryOutput, writeOutput } from "../io/output-files.ts";

const SECTIONS: readonly SimSection[] = [
  ...COST_SECTIONS,
  deopts,
  convergence,
  ...LONG_COST_SECTIONS,
  intervals,
  sizes,
];
const SEEDS = 3;
const SEEDS_MAX = 1000;

export const benchCommand = defineCommand({
  name: "bench sim",
  summary: "Measure the simulator: CPU time, memory, and what it finds beside others",
  operands: [],
  options: [
    { name: "only", value: "SECTIONS", doc: "these sections only, comma-separated" },
    { name: "seeds", value: "N", doc: `convergence, intervals, sizes: seeds 1 to N; ${SEEDS}` },
    { name: "svg", value: "FILE", doc: "draw the figures against their bars", isPath: true },
    JSON_OPTION,
  ],
  details: [
    "Sections:",
    ...SECTIONS.map(({ name, summary, isLong }) => `  ${name}${isLong ? " *" : ""}: ${summary}`),
    "Those with a * take some minutes each and run only when --only names them.",
    "",
    "Bars of CPU time scale with the bare queue of the same minute. Exits with 1 when a figure misses its",
    "bar. Progress goes to standard error. docs/benchmarks.md says what each figure means.",
  ].join("\n"),
  action: runBench,
});

async function runBench(args: ParsedArguments, io: CommandIo): Promise<number> {
  const sections = pickSections(args.value("only"));
  const count = seedCount(args.value("seeds"));
  const seeds = Array.from({ length: count }, (_, i) => i + 1);
  const svg = args.value("svg");
  if (svg !== undefined) await tryOutput(svg);
  const about = aboutMachine();
  const result = await interruptible((signal) => runSections(sections, { seeds, signal }, io));
  if (svg !== undefined) {
    const title = `causeway bench sim, ${about.startedAt.slice(0, 10)}, ${about.machine.processors} processors`;
    await writeOutput(svg, drawChart(title, result.figures));
  }
  const failed = result.figures.filter(({ isPassed }) => !isPassed).length;
  if (args.has("json")) io.stdout(JSON.stringify(reportObject("sim", about, result)));
  else {
    for (const line of reportLines(result)) io.stdout(line);
    io.stdout(`${result.figures.length - failed} passed, ${failed} failed`);
  }
  return failed === 0 ? 0 : 1;
}

/** @throws {ConfigError} for a name that no section has */
function pickSections(only: string | undefined): readonly SimSection[] {
  if (only === undefined) return SECTIONS.filter(({ isLong }) => !isLong);
  const names = SECTIONS.map(({ name }) => name);
  return only.split(",").map((name) => {
    const section = SECTIONS.find((one) => one.name === name);
    if (section !== undefined) return section;
    const near = nearestNames(name, names);
    throw new ConfigError(
      "--only",
      `no section "${name}"; ${near.length > 0 ? `did you mean ${near[0]}?` : names.join(", ")}`,
    );
  });
}

function seedCount(text: string | undefined): number {
  if (text === undefined) return SEEDS;
  const count = /^\d{1,6}$/.test(text) ? Number(text) : NaN;
  if (count >= 1 && count <= SEEDS_MAX) return count;
  throw new ConfigError(
    "--seeds",
    `"${text}" is not allowed; allowed: a whole number from 1 to ${SEEDS_MAX}`,
  );
}

async function runSections(
  sections: readonly SimSection[],
  settings: Pick<SimBench, "seeds" | "signal">,
  io: CommandIo,
): Promise<{ readonly figures: readonly Figure[]; readonly tables: readonly FigureTable[] }> {
  const figures: Figure[] = [];
  const tables: FigureTable[] = [];
  const passedS = stopwatch();
  for (const [i, section] of sections.entries()) {
    const progress = (line: string): void =>
      io.stderr(`[${i + 1}/${sections.length} ${section.name} ${passedS()} s] ${line}`);
    progress(section.summary);
    try {
      const result = await section.run(createBench({ ...settings, progress }));
      figures.push(...result.figures);
      tables.push(...result.tables);
    } catch (error) {
      settings.signal.throwIfAborted();
      if (!(error instanceof SimulationError)) throw error;
      progress(errorMessage(error));
      figures.push(unmeasured(section, error));
    }
  }
  return { figures, tables };
}

/** A section that cannot be measured is a failure, not a gap. */
function unmeasured({ name }: SimSection, error: SimulationError): Figure {
  return createFigure({
    ...{ section: name, name: "could not be measured", unit: "count", bar: 0 },
    ...{ measured: Infinity, n: 0, note: errorMessage(error) },
  });
}
