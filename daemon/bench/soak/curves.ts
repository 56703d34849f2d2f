/** What each host held over a soak, as a picture. */
import { escapeXml } from "../../../platform/bench/chart.ts";
import type { SoakResult } from "./soak-run.ts";

const WIDTH = 900;
const HEIGHT = 360;
const LEFT = 60;
const RIGHT = 90;
const TOP = 50;
const BOTTOM = 40;
const COLOURS = [
  "#2a9d5c",
  "#3a7ca5",
  "#d1495b",
  "#e08e2b",
  "#8d5fd3",
  "#4d908e",
  "#777",
  "#b56576",
];

export function drawSoak({ vitals, warmUpMs }: SoakResult): string {
  const all = [...vitals.values()].flat();
  const endMs = Math.max(1, ...all.map(({ atMs }) => atMs));
  const megabytes = all.map(({ heldBytes }) => heldBytes / 2 ** 20);
  const [low, high] = [Math.floor(Math.min(...megabytes)), Math.ceil(Math.max(...megabytes))];
  const x = (ms: number): string => (LEFT + (ms / endMs) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const y = (mb: number): string =>
    (HEIGHT - BOTTOM - ((mb - low) / Math.max(1, high - low)) * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  const lines = [...vitals].map(([host, ones], i) => {
    const colour = COLOURS[i % COLOURS.length]!;
    const points = ones.map(({ atMs, heldBytes }) => `${x(atMs)},${y(heldBytes / 2 ** 20)}`);
    const text = `<text x="${WIDTH - RIGHT + 8}" y="${TOP + 14 * i}" style="fill:${colour}">${escapeXml(host)}</text>`;
    return `<polyline points="${points.join(" ")}" fill="none" stroke="${colour}"/>${text}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11">`,
    `<style>text{fill:#222}.quiet{fill:#777}.axis{stroke:#777}.back{fill:#fff}`,
    `@media(prefers-color-scheme:dark){text{fill:#ddd}.quiet{fill:#999}.back{fill:#181818}}</style>`,
    `<rect class="back" width="${WIDTH}" height="${HEIGHT}"/>`,
    `<text x="12" y="22" font-size="15" font-weight="bold">causeway bench soak: memory held after a full collection</text>`,
    `<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${HEIGHT - BOTTOM}" y2="${HEIGHT - BOTTOM}"/>`,
    `<line class="axis" x1="${x(warmUpMs)}" x2="${x(warmUpMs)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}" stroke-dasharray="3"/>`,
    `<text x="${x(warmUpMs)}" y="${TOP - 4}" text-anchor="middle" class="quiet">warm</text>`,
    `<text x="${LEFT - 6}" y="${y(low)}" text-anchor="end" class="quiet">${low} MB</text>`,
    `<text x="${LEFT - 6}" y="${y(high)}" text-anchor="end" class="quiet">${high} MB</text>`,
    `<text x="${WIDTH - RIGHT}" y="${HEIGHT - BOTTOM + 16}" text-anchor="end" class="quiet">${(endMs / 60_000).toFixed(0)} min</text>`,
    ...lines,
    "</svg>",
    "",
  ].join("\n");
}
