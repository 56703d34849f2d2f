/** The options that say where a run's results go. */
import type { ParsedArguments } from "../../platform/cli/arguments.ts";
import type { CommandIo, OptionSpec } from "../../platform/cli/command.ts";
import { JSON_OPTION } from "../../platform/cli/define-command.ts";
import { ConfigError } from "../../platform/errors.ts";
import type { MeasuredRun } from "../io/measured-run.ts";
import { makeDirectory, tryOutput, writeOutput } from "../io/output-files.ts";
import { rasterise } from "../io/rasterise.ts";
import { renderLinePlot } from "../plots/line-plot.ts";
import type { LinePlot } from "../plots/line-plot.ts";
import { deliveryPlot } from "../plots/result-plots.ts";
import { renderDot, renderTopology } from "../plots/topology.ts";
import { THEMES } from "../plots/theme.ts";
import type { Theme } from "../plots/theme.ts";
import { renderSamplesCsv } from "../results/csv.ts";
import type { SimulationResult } from "../results/result.ts";
import { renderSummary } from "../results/summary.ts";
import { printScenario } from "../scenario/print.ts";
import type { Scenario } from "../scenario/scenario.ts";

/** Pixels of a PNG for each unit of the drawing. */
const ZOOM = 2;

export const THEME_OPTION: OptionSpec = {
  name: "theme",
  value: "THEME",
  doc: "of plots: auto (as the reader's browser), light or dark; PNG is light unless dark is given",
  choices: THEMES,
};

export const RESULT_OPTIONS: readonly OptionSpec[] = [
  JSON_OPTION,
  { name: "csv", value: "FILE", doc: "write the samples as CSV", isPath: true },
  { name: "svg", value: "FILE", doc: "draw delivery over time", isPath: true },
  { name: "png", value: "FILE", doc: "the same as PNG", isPath: true },
  {
    name: "out",
    value: "DIR",
    doc: "write all of these into a directory: scenario.yaml, result.json, samples.csv, delivery.svg, delivery.png",
    isPath: true,
  },
  {
    name: "topology",
    value: "FILE",
    doc: "write who knows whom at the end; FILE ends in .dot, .svg or .png",
    isPath: true,
  },
  THEME_OPTION,
  { name: "progress", doc: "show progress also where standard error is no terminal" },
];

/**
 * Sees before the run whether what is asked for can be written after it.
 *
 * @throws {ConfigError} when it cannot
 */
export async function tryPlaces(args: ParsedArguments): Promise<void> {
  const topology = args.value("topology");
  if (topology !== undefined) refuseOtherTopology(topology);
  const out = args.value("out");
  if (out !== undefined) {
    await makeDirectory(out);
    await tryOutput(`${out}/result.json`);
  }
  for (const file of ["csv", "svg", "png", "topology"].map((name) => args.value(name)))
    if (file !== undefined) await tryOutput(file);
}

/** What cannot be written afterwards shall not take this with it. */
export function printResult(result: SimulationResult, args: ParsedArguments, io: CommandIo): void {
  if (args.has("json")) io.stdout(JSON.stringify(result));
  else for (const line of renderSummary(result)) io.stdout(line);
}

/** Writes the files that were asked for. */
export async function writeResult(
  result: SimulationResult,
  scenario: Scenario,
  args: ParsedArguments,
): Promise<void> {
  const theme = themeOf(args);
  const out = args.value("out");
  const csv = renderSamplesCsv([result]);
  const { protocol, nodes, rate } = scenario;
  const plot = deliveryPlot({
    name: `${protocol}: ${nodes} nodes at ${rate}/s`,
    results: [result],
  });
  if (out !== undefined) {
    await writeOutput(`${out}/scenario.yaml`, `${printScenario(scenario)}\n`);
    await writeOutput(`${out}/result.json`, `${JSON.stringify(result)}\n`);
    await writeOutput(`${out}/samples.csv`, csv);
    await writePlot(plot, theme, `${out}/delivery`);
  }
  const files = { csv: args.value("csv"), svg: args.value("svg"), png: args.value("png") };
  if (files.csv !== undefined) await writeOutput(files.csv, csv);
  if (files.svg !== undefined) await writeOutput(files.svg, renderLinePlot(plot, theme));
  if (files.png !== undefined) await writeOutput(files.png, await renderPng(plot, theme));
}

/** @throws {ConfigError} unless its name says what it is to be */
function refuseOtherTopology(file: string): void {
  if (!/\.(?:dot|svg|png)$/.test(file))
    throw new ConfigError("--topology", `${file} does not end in .dot, .svg or .png`);
}

/** Writes the topology in the form that the file's name tells. */
export async function writeTopology(
  file: string,
  { result, edges }: MeasuredRun,
  theme: Theme,
): Promise<void> {
  const { protocol, nodes, seed } = result.scenario;
  const title = `${protocol}, ${nodes} nodes, seed ${seed}, after ${result.samples.at(-1)?.timeS ?? 0} s`;
  if (file.endsWith(".dot")) return writeOutput(file, renderDot(title, edges()));
  const isPng = file.endsWith(".png");
  const svg = renderTopology(title, edges(), isPng && theme === "auto" ? "light" : theme);
  await writeOutput(file, isPng ? await rasterise(svg, ZOOM) : svg);
}

/** Writes `NAME.svg` and `NAME.png`. */
export async function writePlot(plot: LinePlot, theme: Theme, name: string): Promise<void> {
  await writeOutput(`${name}.svg`, renderLinePlot(plot, theme));
  await writeOutput(`${name}.png`, await renderPng(plot, theme));
}

function renderPng(plot: LinePlot, theme: Theme): Promise<Uint8Array> {
  return rasterise(renderLinePlot(plot, theme === "dark" ? "dark" : "light"), ZOOM);
}

export function themeOf(args: ParsedArguments): Theme {
  // parseArguments has checked it against THEMES.
  return (args.value("theme") ?? "auto") as Theme;
}
