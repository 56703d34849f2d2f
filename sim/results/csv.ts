/**
 * Samples of runs as a table: one row a sample, with what tells the runs apart in columns of its own.
 *
 * It has nothing of the `run` block, so that the same scenario gives the same bytes.
 */
import { changedFields, fieldOf } from "../scenario/fields.ts";
import type { FieldPath } from "../scenario/schema.ts";
import { trafficOfClass, type Sample, type SimulationResult } from "./result.ts";

const ALWAYS: readonly FieldPath[] = ["kind", "protocol", "nodes", "rate", "durationS", "seed"];

const SAMPLE_COLUMNS: Readonly<Record<string, (sample: Sample) => number | null>> = {
  timeS: ({ timeS }) => timeS,
  present: ({ present }) => present,
  joined: ({ joined }) => joined,
  believedDelivery: ({ believedDelivery }) => believedDelivery,
  correctDelivery: ({ correctDelivery }) => correctDelivery,
  meanHops: ({ meanHops }) => meanHops,
  latencyP50Ms: ({ latencyMs }) => latencyMs?.p50 ?? null,
  latencyP90Ms: ({ latencyMs }) => latencyMs?.p90 ?? null,
  latencyP99Ms: ({ latencyMs }) => latencyMs?.p99 ?? null,
  messages: ({ messages }) => messages,
  tableChanges: ({ tableChanges }) => tableChanges,
  hostRetries: ({ hostRetries }) => hostRetries,
  accuracy: ({ accuracy }) => accuracy,
};

const RUN_COLUMNS: Readonly<Record<string, (result: SimulationResult) => number | string | null>> =
  {
    convergenceTimeS: ({ convergenceTimeS }) => convergenceTimeS,
    permanentConvergenceTimeS: ({ permanentConvergenceTimeS }) => permanentConvergenceTimeS,
    meanHops: ({ meanHops }) => meanHops,
    latencyP50Ms: ({ latencyMs }) => latencyMs?.p50 ?? null,
    latencyP90Ms: ({ latencyMs }) => latencyMs?.p90 ?? null,
    latencyP99Ms: ({ latencyMs }) => latencyMs?.p99 ?? null,
    messages: (result) => trafficOfClass(result, "wan").messages,
    bytes: (result) => trafficOfClass(result, "wan").bytes,
    lanMessages: (result) => trafficOfClass(result, "lan").messages,
    lanBytes: (result) => trafficOfClass(result, "lan").bytes,
    loadMean: ({ load }) => load.mean,
    loadHighest: ({ load }) => load.highest,
    loadGini: ({ load }) => load.gini,
    recordsMean: ({ records }) => records?.kept.mean ?? null,
    recordsHighest: ({ records }) => records?.kept.highest ?? null,
    recordsGini: ({ records }) => records?.kept.gini ?? null,
    gets: ({ records }) => records?.gets ?? null,
    failedGets: ({ records }) => records?.failedGets ?? null,
    innerCopies: ({ records }) => records?.innerCopies ?? null,
    events: ({ events }) => events,
    getHops: ({ records }) => records?.getHops ?? null,
    getLatencyP50Ms: ({ records }) => records?.getLatencyMs?.p50 ?? null,
    getLatencyP90Ms: ({ records }) => records?.getLatencyMs?.p90 ?? null,
    getLatencyP99Ms: ({ records }) => records?.getLatencyMs?.p99 ?? null,
  };

/** One row for each sample of each run. */
export function renderSamplesCsv(results: readonly SimulationResult[]): string {
  const paths = columnsFor(results);
  const head = ["version", ...paths, "traceHash", ...Object.keys(SAMPLE_COLUMNS)];
  const rows = results.flatMap((result) =>
    result.samples.map((sample) => [
      ...identity(result, paths),
      ...Object.values(SAMPLE_COLUMNS).map((read) => read(sample)),
    ]),
  );
  return render([head, ...rows]);
}

/** One row for each run. */
export function renderRunsCsv(results: readonly SimulationResult[]): string {
  const paths = columnsFor(results);
  const head = ["version", ...paths, "traceHash", ...Object.keys(RUN_COLUMNS)];
  const rows = results.map((result) => [
    ...identity(result, paths),
    ...Object.values(RUN_COLUMNS).map((read) => read(result)),
  ]);
  return render([head, ...rows]);
}

/** What every run has, and what any of them has otherwise than by default. */
function columnsFor(results: readonly SimulationResult[]): readonly FieldPath[] {
  return [...new Set([...ALWAYS, ...results.flatMap(({ scenario }) => changedFields(scenario))])];
}

function identity(result: SimulationResult, paths: readonly FieldPath[]): readonly unknown[] {
  return [result.version, ...paths.map((path) => fieldOf(result.scenario, path)), result.traceHash];
}

function render(rows: readonly (readonly unknown[])[]): string {
  return rows.map((row) => `${row.map(cell).join(",")}\n`).join("");
}

/** RFC 4180; nothing stands for null. */
function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
