/** Runs the sections of a benchmark one after the other and says what came out. */
import { writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { ConfigError, errorMessage } from "../../platform/errors.ts";
import type { CommandIo } from "../../platform/cli/command.ts";
import { nearestNames } from "../../platform/nearest.ts";
import { drawChart } from "../../platform/bench/chart.ts";
import { BenchError } from "./errors.ts";
import { createFigure, type BenchRun, type Section, type SectionResult } from "./figure.ts";
import { reportLines, reportObject } from "../../platform/bench/report.ts";

/** A benchmark that is made of sections. */
export interface Suite {
  /** As in `causeway bench NAME`. */
  readonly name: string;
  /** In the order they run. */
  readonly sections: readonly Section[];
}

export interface BenchOptions {
  /** Names of the sections, comma-separated; absent for all. */
  readonly only: string | undefined;
  readonly isQuick: boolean;
  readonly seed: number;
  readonly events: number | undefined;
  readonly isFlat: boolean;
  readonly isJson: boolean;
  /** Picture to write. */
  readonly svgFile: string | undefined;
}

const STOPPED_STATUS = 130;

/** @returns the exit status: 0 when every figure passes, 1 when not, 130 when stopped by ^C */
export async function runSectionBench(
  suite: Suite,
  options: BenchOptions,
  io: CommandIo,
): Promise<number> {
  const { only, isQuick, seed, events, isFlat, isJson, svgFile, ...rest } = options;
  rest satisfies Record<string, never>;
  const sections = pickSections(suite, only);
  const ending = new AbortController();
  const stop = (): void =>
    ending.abort(new BenchError("ERR_BENCH_STOPPED", "stopped; taking the lab away"));
  process.on("SIGINT", stop).on("SIGTERM", stop);
  const startedAt = new Date();
  try {
    const result = await runSections(
      sections,
      { isQuick, seed, events, isFlat, signal: ending.signal },
      io,
    );
    if (ending.signal.aborted) return STOPPED_STATUS;
    publish(suite, result, startedAt, { isQuick, isJson, svgFile }, io);
    return result.figures.every(({ isPassed }) => isPassed) ? 0 : 1;
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
}

/** @throws {ConfigError} for a name that no section has */
function pickSections({ sections }: Suite, only: string | undefined): readonly Section[] {
  if (only === undefined) return sections;
  const names = sections.map(({ name }) => name);
  return only.split(",").map((name) => {
    const section = sections.find((one) => one.name === name);
    if (section !== undefined) return section;
    const near = nearestNames(name, names);
    throw new ConfigError(
      "--only",
      `no section "${name}"; ${near.length > 0 ? `did you mean ${near[0]}?` : names.join(", ")}`,
    );
  });
}

async function runSections(
  sections: readonly Section[],
  settings: Omit<BenchRun, "progress">,
  io: CommandIo,
): Promise<SectionResult> {
  const figures = [];
  const tables = [];
  const pictures = [];
  const startedMs = performance.now();
  for (const [i, section] of sections.entries()) {
    const progress = (line: string): void => {
      const seconds = Math.round((performance.now() - startedMs) / 1000);
      io.stderr(`[${i + 1}/${sections.length} ${section.name} ${seconds} s] ${line}`);
    };
    progress(section.summary);
    try {
      const result = await section.run({ ...settings, progress });
      figures.push(...result.figures);
      tables.push(...result.tables);
      pictures.push(result.picture);
    } catch (error) {
      progress(errorMessage(error));
      if (settings.signal.aborted) break;
      figures.push(unmeasured(section, error));
    }
  }
  return { figures, tables, picture: sections.length === 1 ? pictures[0] : undefined };
}

/** A section that cannot be measured is a failure, not a gap. */
function unmeasured({ name }: Section, error: unknown) {
  const note = errorMessage(error);
  return createFigure({
    section: name,
    name: "could not be measured",
    unit: "count",
    bar: 0,
    measured: Infinity,
    n: 0,
    note,
  });
}

function publish(
  { name }: Suite,
  result: SectionResult,
  startedAt: Date,
  { isQuick, isJson, svgFile }: Pick<BenchOptions, "isQuick" | "isJson" | "svgFile">,
  io: CommandIo,
): void {
  const machine = {
    processors: cpus().length,
    model: cpus()[0]?.model ?? "unknown",
    memoryMb: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    node: process.version,
  };
  const day = startedAt.toISOString();
  if (svgFile !== undefined) {
    const title = `causeway bench ${name}, ${day.slice(0, 10)}, ${machine.processors} processors`;
    writeFileSync(svgFile, result.picture ?? drawChart(title, result.figures));
    io.stderr(`picture written to ${svgFile}`);
  }
  const about = { startedAt: day, isQuick, machine };
  if (isJson) return io.stdout(JSON.stringify(reportObject(name, about, result)));
  for (const line of reportLines(result)) io.stdout(line);
  const failed = result.figures.filter(({ isPassed }) => !isPassed).length;
  io.stdout(`${result.figures.length - failed} passed, ${failed} failed`);
}
