/** `causeway sim collect`: merges the points of a sweep, and plots them. */
import type { ParsedArguments } from "../../platform/cli/arguments.ts";
import type { CommandIo } from "../../platform/cli/command.ts";
import { JSON_OPTION, defineCommand } from "../../platform/cli/define-command.ts";
import { renderTable } from "../../platform/cli/text-table.ts";
import { SimulationError } from "../errors.ts";
import { writeOutput } from "../io/output-files.ts";
import { readPoint, readSweep } from "../io/sweep-directory.ts";
import { deliveriesPlot } from "../plots/result-plots.ts";
import type { Interval } from "../plots/student.ts";
import { renderRunsCsv, renderSamplesCsv } from "../results/csv.ts";
import { axisPlots, collect } from "../sweep/collection.ts";
import type { Collected, CollectedPoint } from "../sweep/collection.ts";
import { pointsOf } from "../sweep/sweep-plan.ts";
import type { SweepPoint } from "../sweep/sweep-plan.ts";
import { THEME_OPTION, themeOf, writePlot } from "./result-options.ts";

export const collectCommand = defineCommand({
  name: "sim collect",
  summary: "Merge the finished points of a sweep into tables and plots",
  operands: [{ name: "DIR", doc: "the sweep's directory" }],
  options: [THEME_OPTION, JSON_OPTION],
  details: [
    "Writes into DIR: collected.json, runs.csv (a row for each run), samples.csv (one for each sample),",
    "delivery.svg and .png, and over the first axis of several numbers convergence, hops, load and",
    "records. Lines are means over seeds, bands where the mean lies with 95 % (Student's t).",
  ].join("\n"),
  action: runCollect,
});

async function runCollect(args: ParsedArguments, io: CommandIo): Promise<number> {
  const directory = args.operands[0] ?? "";
  const plan = await readSweep(directory);
  const planned = pointsOf(plan);
  const found = await readFinished(directory, planned);
  if (found.length === 0)
    throw new SimulationError("ERR_SIM_POINT", `${directory}: no point is finished yet`);
  const groups = collect(found);
  const results = found.map(({ result }) => result);
  const json = JSON.stringify({
    version: plan.version,
    axes: plan.axes,
    seeds: plan.seeds,
    points: { planned: planned.length, finished: found.length },
    groups: groups.map((group) => ({ ...group, results: undefined })),
  });
  const theme = themeOf(args);
  await writeOutput(`${directory}/collected.json`, `${json}\n`);
  await writeOutput(`${directory}/runs.csv`, renderRunsCsv(results));
  await writeOutput(`${directory}/samples.csv`, renderSamplesCsv(results));
  const title = `believed delivery, ${plan.seeds.length} seeds`;
  await writePlot(deliveriesPlot(title, groups.map(named)), theme, `${directory}/delivery`);
  for (const [name, plot] of Object.entries(axisPlots(plan, found)))
    await writePlot(plot, theme, `${directory}/${name}`);
  if (args.has("json")) io.stdout(json);
  else for (const line of renderGroups(groups)) io.stdout(line);
  if (found.length < planned.length)
    io.stderr(`${planned.length - found.length} of ${planned.length} points are not finished`);
  return 0;
}

async function readFinished(
  directory: string,
  points: readonly SweepPoint[],
): Promise<readonly CollectedPoint[]> {
  const found: CollectedPoint[] = [];
  for (const point of points) {
    const result = await readPoint(directory, point);
    if (result !== null) found.push({ point, result });
  }
  return found;
}

/** A sweep over seeds alone has no labels. */
function named(group: Collected): Collected {
  return group.name === "" ? { ...group, name: "all" } : group;
}

function renderGroups(groups: readonly Collected[]): readonly string[] {
  return renderTable(
    ["point", "seeds", "convergence s", "never", "hops", "believed at end", "correct at end"],
    groups
      .map(named)
      .map((group) => [
        group.name,
        String(group.seeds.length),
        show(group.convergenceTimeS, 1),
        String(group.notConverged),
        show(group.meanHops, 2),
        show(group.believedDelivery, 3),
        show(group.correctDelivery, 3),
      ]),
  );
}

/** `7.61 ± 0.04`. */
function show(interval: Interval | null, digits: number): string {
  if (interval === null) return "-";
  const { mean, high, count } = interval;
  return count === 1
    ? mean.toFixed(digits)
    : `${mean.toFixed(digits)} ± ${(high - mean).toFixed(digits)}`;
}
