/**
 * A chaos run as a picture: what was struck and when, operations a second, and those that failed.
 *
 * Plain SVG, readable in any browser, light or dark.
 */
import { escapeXml } from "../../../platform/bench/chart.ts";
import type { ChaosResult } from "./chaos-run.ts";
import type { FaultType } from "./fault-types.ts";
import type { FaultEntry, Operation } from "./history.ts";

const WIDTH = 1100;
const LEFT = 110;
const RIGHT = 20;
const TOP = 60;
const ROW_HEIGHT = 16;
const GRAPH_HEIGHT = 120;
const BAR_COUNT_MAX = 240;

const COLOURS: Readonly<Record<string, string>> = {
  host: "#d1495b",
  link: "#3a7ca5",
  disk: "#8d5fd3",
  all: "#e08e2b",
};

export function drawTimeline(result: ChaosResult): string {
  const { history, options, violations } = result;
  const endMs = Math.max(
    options.durationMs,
    ...history.faults.map(({ toMs }) => (toMs < Infinity ? toMs : 0)),
  );
  const rows = rowsOf(result);
  const x = (ms: number): number => LEFT + (Math.min(ms, endMs) / endMs) * (WIDTH - LEFT - RIGHT);
  const graphTop = TOP + rows.length * ROW_HEIGHT + 24;
  const height = graphTop + GRAPH_HEIGHT + 44;
  const verdict = violations.length === 0 ? "no promise broken" : `${violations.length} broken`;
  const title = `causeway bench chaos, ${options.durationMs / 60_000} min, seed ${options.seed}: ${verdict}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">`,
    `<style>text{fill:#222}.quiet{fill:#777}.axis{stroke:#999;stroke-width:.5}.back{fill:#fff}`,
    `@media(prefers-color-scheme:dark){text{fill:#ddd}.quiet{fill:#999}.back{fill:#181818}}</style>`,
    `<rect class="back" width="${WIDTH}" height="${height}"/>`,
    `<text x="12" y="22" font-size="15" font-weight="bold">${escapeXml(title)}</text>`,
    legend(),
    ...rows.flatMap((name, row) => drawRow(name, TOP + row * ROW_HEIGHT)),
    ...history.faults.flatMap((fault) => drawFault(fault, rows, x)),
    ...drawRates(history.operations, options.durationMs, endMs, graphTop, x),
    ...drawTicks(endMs, graphTop + GRAPH_HEIGHT, x),
    "</svg>",
    "",
  ].join("\n");
}

/** A row for each host and each site's link. */
function rowsOf({ history }: ChaosResult): string[] {
  const hosts = history.operations.map(({ host }) => host);
  const sites = history.siteOfSubnet.values();
  return [...new Set([...hosts, ...[...sites].map((site) => `${site} link`)])].toSorted();
}

function drawRow(name: string, y: number): string[] {
  return [
    `<text x="12" y="${y + 11}" class="quiet">${escapeXml(name)}</text>`,
    `<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y + ROW_HEIGHT - 1}" y2="${y + ROW_HEIGHT - 1}"/>`,
  ];
}

function drawFault(
  fault: FaultEntry,
  rows: readonly string[],
  x: (ms: number) => number,
): string[] {
  const { type, site, hosts, fromMs, toMs } = fault;
  const isLink = colourName(type) === "link";
  const struck = isLink ? [`${site} link`] : hosts;
  const width = Math.max(2, x(toMs) - x(fromMs)).toFixed(1);
  return struck.flatMap((name) => {
    const row = rows.indexOf(name);
    if (row < 0) return [];
    const y = TOP + row * ROW_HEIGHT;
    return `<rect x="${x(fromMs).toFixed(1)}" y="${y + 2}" width="${width}" height="${ROW_HEIGHT - 5}" rx="2" fill="${COLOURS[colourName(type)]}" fill-opacity=".8"><title>${type} ${escapeXml(hosts.join(" ") || site)}, ${(fromMs / 1000).toFixed(1)} s</title></rect>`;
  });
}

function colourName(type: FaultType): string {
  if (["cut", "split", "loss", "one-way", "part", "router"].includes(type)) return "link";
  if (type === "replace" || type === "disk-loss" || type === "site-loss") return "disk";
  return type === "blackout" || type === "power-cut" ? "all" : "host";
}

/** Bars of operations a second, those that were not acknowledged below the axis' colour. */
function drawRates(
  operations: readonly Operation[],
  durationMs: number,
  endMs: number,
  top: number,
  x: (ms: number) => number,
): string[] {
  const spanMs = Math.max(1_000, Math.ceil(durationMs / BAR_COUNT_MAX / 1000) * 1000);
  const bars = Array.from({ length: Math.ceil(endMs / spanMs) }, () => ({ good: 0, bad: 0 }));
  for (const { returnedMs, outcome } of operations) {
    const bar = bars[Math.floor(returnedMs / spanMs)];
    if (bar !== undefined) bar[outcome === "acknowledged" ? "good" : "bad"]++;
  }
  const most = Math.max(1, ...bars.map(({ good, bad }) => good + bad));
  const bottom = top + GRAPH_HEIGHT;
  const scale = GRAPH_HEIGHT / most;
  return [
    `<text x="12" y="${top + 12}" class="quiet">calls a second</text>`,
    `<text x="12" y="${top + 28}" class="quiet">most ${((most * 1000) / spanMs).toFixed(0)}</text>`,
    ...bars.flatMap(({ good, bad }, i) => {
      const from = x(i * spanMs);
      const width = Math.max(0.5, x((i + 1) * spanMs) - from - 0.5).toFixed(1);
      const bar = (y: number, count: number, colour: string): string =>
        `<rect x="${from.toFixed(1)}" y="${y.toFixed(1)}" width="${width}" height="${(count * scale).toFixed(1)}" fill="${colour}"/>`;
      return [
        bar(bottom - good * scale, good, "#2a9d5c"),
        ...(bad > 0 ? [bar(bottom - (good + bad) * scale, bad, "#d1495b")] : []),
      ];
    }),
    `<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${bottom}" y2="${bottom}"/>`,
  ];
}

function drawTicks(endMs: number, y: number, x: (ms: number) => number): string[] {
  const step = [10, 30, 60, 300, 600].find((s) => endMs / 1000 / s <= 16) ?? 1800;
  const count = Math.floor(endMs / 1000 / step);
  return Array.from({ length: count + 1 }, (_, i) => {
    const second = i * step;
    const text = step >= 60 ? `${second / 60} min` : `${second} s`;
    return `<text x="${x(second * 1000).toFixed(1)}" y="${y + 16}" text-anchor="middle" class="quiet">${text}</text>`;
  });
}

function legend(): string {
  const entries = [
    ["host killed, stopped or hung", COLOURS["host"]],
    ["link cut, split or lossy", COLOURS["link"]],
    ["disk wiped", COLOURS["disk"]],
    ["power cut", COLOURS["all"]],
    ["call acknowledged", "#2a9d5c"],
    ["not acknowledged", "#d1495b"],
  ] as const;
  return entries
    .map(
      ([text, colour], i) =>
        `<rect x="${12 + i * 180}" y="34" width="10" height="10" fill="${colour}"/><text x="${27 + i * 180}" y="43" class="quiet">${text}</text>`,
    )
    .join("\n");
}
