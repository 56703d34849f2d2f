/** A result for people. */
import { renderPairs, renderTable } from "../../platform/cli/text-table.ts";
import { trafficOfClass, type RecordsResult, type SimulationResult } from "./result.ts";

/** Lines of a table of the samples and what the whole run shows. */
export function renderSummary(result: SimulationResult): readonly string[] {
  const { scenario, samples, run } = result;
  const who = scenario.hosts.perSubnet === 1 ? "node" : "host";
  const rows = samples.map((sample) => [
    `${sample.timeS} s`,
    String(sample.present),
    String(sample.joined),
    share(sample.believedDelivery),
    share(sample.correctDelivery),
    sample.meanHops?.toFixed(2) ?? "-",
    share(sample.accuracy),
    String(sample.messages),
  ]);
  const lan = trafficOfClass(result, "lan");
  return [
    `${scenario.protocol}, ${scenario.nodes} nodes at ${scenario.rate}/s, seed ${scenario.seed}`,
    "",
    ...renderTable(
      ["time", "present", "joined", "believed", "correct", "hops", "accuracy", "messages"],
      rows,
    ),
    "",
    ...renderPairs([
      ["convergence", seconds(result.convergenceTimeS)],
      ["for good", seconds(result.permanentConvergenceTimeS)],
      ["mean hops", result.meanHops?.toFixed(2) ?? "-"],
      [
        "latency",
        result.latencyMs === null
          ? "-"
          : `${Math.round(result.latencyMs.p50)} ms, 90 % within ${Math.round(result.latencyMs.p90)} ms`,
      ],
      [
        "load",
        `${result.load.mean.toFixed(1)} messages a ${who}, Gini ${result.load.gini.toFixed(3)}`,
      ],
      ...recordPairs(result.records),
      ...(lan.messages > 0 ? [["in LANs", `${lan.messages} messages`] as const] : []),
      ["events", String(result.events)],
      ["trace hash", result.traceHash],
      ["cost", `${run.cpuS.toFixed(2)} CPU-s, ${Math.round(run.rssBytes / 1e6)} MB`],
    ]),
  ];
}

function recordPairs(records: RecordsResult | null): readonly (readonly [string, string])[] {
  if (records === null) return [];
  return [
    ["records", `${records.kept.mean.toFixed(1)} a host, Gini ${records.kept.gini.toFixed(3)}`],
    ["gets", gets(records)],
  ];
}

function gets({ gets: ended, failedGets, getLatencyMs }: RecordsResult): string {
  const failed = `${ended}, ${failedGets} of them failed`;
  if (getLatencyMs === null) return failed;
  const [half, most] = [Math.round(getLatencyMs.p50), Math.round(getLatencyMs.p90)];
  return `${failed}; ${half} ms, 90 % within ${most} ms`;
}

function share(value: number | null): string {
  return value === null ? "-" : `${(value * 100).toFixed(1)} %`;
}

function seconds(value: number | null): string {
  return value === null ? "not reached" : `${value} s`;
}
