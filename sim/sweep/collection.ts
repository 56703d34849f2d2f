/** What the points of a sweep show together: means with intervals over seeds. */
import type { LinePlot, Series } from "../plots/line-plot.ts";
import { pointsOf as plotPoints } from "../plots/result-plots.ts";
import type { RunGroup } from "../plots/result-plots.ts";
import { meanInterval } from "../plots/student.ts";
import type { Interval } from "../plots/student.ts";
import { trafficOfClass, type SimulationResult } from "../results/result.ts";
import { fieldOf } from "../scenario/fields.ts";
import { FIELD_PATHS } from "../scenario/schema.ts";
import type { FieldPath } from "../scenario/schema.ts";
import type { SweepAxis, SweepFile } from "./sweep-file.ts";
import type { SweepPoint } from "./sweep-plan.ts";

/** A finished point. */
export interface CollectedPoint {
  readonly point: SweepPoint;
  readonly result: SimulationResult;
}

/** Points that differ in their seed alone. */
export interface Collected extends RunGroup {
  readonly seeds: readonly number[];
  /** Runs that never reached 95 %; they are not in the mean of the others. */
  readonly notConverged: number;
  readonly convergenceTimeS: Interval | null;
  readonly permanentConvergenceTimeS: Interval | null;
  readonly meanHops: Interval | null;
  readonly messages: Interval | null;
  readonly lanMessages: Interval | null;
  readonly bytes: Interval | null;
  readonly tableChanges: Interval | null;
  /** Messages that a node or a host handled. */
  readonly loadGini: Interval | null;
  readonly loadHighest: Interval | null;
  /** Of records that a host keeps; with what comes next null where there are none. */
  readonly recordsGini: Interval | null;
  readonly recordsHighest: Interval | null;
  /** Share of the gets. */
  readonly failedGets: Interval | null;
  /** Copied to another node by repair, and from host to host inside a subnet. */
  readonly recordsMoved: Interval | null;
  readonly innerCopies: Interval | null;
  /** Of the last sample. */
  readonly believedDelivery: Interval | null;
  readonly correctDelivery: Interval | null;
  /** Of records, where there are any. */
  readonly gets: Interval | null;
  readonly getHops: Interval | null;
  readonly getLatencyP50Ms: Interval | null;
  readonly getLatencyP90Ms: Interval | null;
  readonly getLatencyP99Ms: Interval | null;
}

type Read = (result: SimulationResult) => number | null;

/** In the order of the sweep's points. */
export function collect(points: readonly CollectedPoint[]): readonly Collected[] {
  const groups = Map.groupBy(points, ({ point }) => point.label);
  return [...groups].map(([name, members]) =>
    collectGroup(
      name,
      members.map((one) => one.result),
    ),
  );
}

function collectGroup(name: string, results: readonly SimulationResult[]): Collected {
  const over = (read: Read): Interval | null =>
    meanInterval(results.map(read).filter((value) => value !== null));
  return {
    name,
    results,
    seeds: results.map(({ scenario }) => scenario.seed),
    notConverged: results.filter(({ convergenceTimeS }) => convergenceTimeS === null).length,
    convergenceTimeS: over((result) => result.convergenceTimeS),
    permanentConvergenceTimeS: over((result) => result.permanentConvergenceTimeS),
    meanHops: over((result) => result.meanHops),
    messages: over((result) => trafficOfClass(result, "wan").messages),
    lanMessages: over((result) => trafficOfClass(result, "lan").messages),
    bytes: over((result) => trafficOfClass(result, "wan").bytes),
    tableChanges: over(({ samples }) => samples.reduce((sum, one) => sum + one.tableChanges, 0)),
    loadGini: over(({ load }) => load.gini),
    loadHighest: over(({ load }) => load.highest),
    recordsGini: over(({ records }) => records?.kept.gini ?? null),
    recordsHighest: over(({ records }) => records?.kept.highest ?? null),
    failedGets: over(({ records }) =>
      records === null || records.gets === 0 ? null : records.failedGets / records.gets,
    ),
    recordsMoved: over(recordsMoved),
    innerCopies: over(({ records }) => records?.innerCopies ?? null),
    believedDelivery: over(({ samples }) => samples.at(-1)?.believedDelivery ?? null),
    correctDelivery: over(({ samples }) => samples.at(-1)?.correctDelivery ?? null),
    gets: over(({ records }) => records?.gets ?? null),
    getHops: over(({ records }) => records?.getHops ?? null),
    getLatencyP50Ms: over(({ records }) => records?.getLatencyMs?.p50 ?? null),
    getLatencyP90Ms: over(({ records }) => records?.getLatencyMs?.p90 ?? null),
    getLatencyP99Ms: over(({ records }) => records?.getLatencyMs?.p99 ?? null),
  };
}

function recordsMoved({ records, traffic }: SimulationResult): number | null {
  if (records === null) return null;
  return traffic.find(({ type }) => type === "repair")?.messages ?? 0;
}

/** What can be drawn over an axis. */
const OVER_AXIS: Readonly<Record<string, { readonly label: string; readonly read: Read }>> = {
  convergence: { label: "convergence time (s)", read: (result) => result.convergenceTimeS },
  hops: { label: "mean hops of a query", read: (result) => result.meanHops },
  load: { label: "Gini index of messages handled", read: ({ load }) => load.gini },
  records: {
    label: "Gini index of records kept",
    read: ({ records }) => records?.kept.gini ?? null,
  },
};

/**
 * Plots over the first axis that has several numbers, a line for each combination of the others.
 *
 * @returns file names and plots; none of what no run has, or when no axis is one of numbers
 */
export function axisPlots(
  { axes }: Pick<SweepFile, "axes">,
  points: readonly CollectedPoint[],
): Readonly<Record<string, LinePlot>> {
  const axis = axes.find(isNumeric);
  if (axis === undefined) return {};
  const xOf = ({ result }: CollectedPoint): number => Number(fieldOf(result.scenario, axis.path));
  const lines = Map.groupBy(points, ({ point }) => otherLabels(point.label, axis.path));
  const wanted = Object.entries(OVER_AXIS).filter(([, { read }]) =>
    points.some(({ result }) => read(result) !== null),
  );
  const plots = wanted.map(([name, { label, read }]): [string, LinePlot] => {
    const series = [...lines].map(([line, members]): Series => {
      const columns = [...Map.groupBy(members, xOf)].map(([x, column]) => {
        const values = column.map(({ result }) => read(result)).filter((value) => value !== null);
        return [x, values] as const;
      });
      return { name: line, points: plotPoints(columns.toSorted(([a], [b]) => a - b)) };
    });
    const plot: LinePlot = {
      title: `${label} over ${axis.path}`,
      xLabel: axis.path,
      yLabel: label,
      xScale: isWide(axis.values) ? "log" : "linear",
      xHas: [],
      yHas: [0],
      series,
      mark: null,
    };
    return [name, plot];
  });
  return Object.fromEntries(plots);
}

function isNumeric(axis: SweepAxis): axis is SweepAxis & {
  readonly path: FieldPath;
  readonly values: readonly number[];
} {
  return (
    axis.values.length > 1 &&
    axis.values.every((value) => typeof value === "number") &&
    FIELD_PATHS.some((path) => path === axis.path)
  );
}

function isWide(values: readonly number[]): boolean {
  const sorted = values.toSorted((a, b) => a - b);
  const [low = 0, high = 0] = [sorted[0], sorted.at(-1)];
  return low > 0 && high / low >= 20;
}

/** `nodes=1000 kademlia.k=8` without `nodes`. */
function otherLabels(label: string, path: string): string {
  const others = label.split(" ").filter((part) => !part.startsWith(`${path}=`));
  return others.join(" ") || "all";
}
