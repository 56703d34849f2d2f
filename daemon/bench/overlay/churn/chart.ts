/** A churn run as a picture: what grew with the events, in both shapes. */
import type { ChurnPoint } from "./run.ts";

const WIDTH = 900;
const PANEL_WIDTH = 390;
const PANEL_HEIGHT = 130;
const COLOURS = { subnets: "#2a9d5c", flat: "#d1495b" };

interface Panel {
  readonly title: string;
  readonly of: (point: ChurnPoint) => number;
}

const PANELS: readonly Panel[] = [
  { title: "routing changes in all tables", of: ({ changes }) => changes },
  { title: "failed calls", of: ({ failedCalls }) => failedCalls },
  { title: "gets that found nothing", of: ({ failedGets }) => failedGets },
  { title: "MB moved by repair", of: ({ repairBytes }) => repairBytes / 1e6 },
];

/** Each panel shows a sum since the start over the host events; without `flat`, one line. */
export function drawChurn(
  title: string,
  subnets: readonly ChurnPoint[],
  flat: readonly ChurnPoint[] | undefined,
): string {
  const height = 100 + 2 * (PANEL_HEIGHT + 66);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<style>text{fill:#222}.quiet{fill:#777}.axis{stroke:#999}.back{fill:#fff}`,
    `@media(prefers-color-scheme:dark){text{fill:#ddd}.quiet{fill:#999}.axis{stroke:#777}.back{fill:#181818}}</style>`,
    `<rect class="back" width="${WIDTH}" height="${height}"/>`,
    `<text x="30" y="28" font-size="16" font-weight="bold">${title}</text>`,
    legend(30, "hosts of a link are one node", COLOURS.subnets),
    ...(flat ? [legend(280, "every host a node of its own", COLOURS.flat)] : []),
    ...PANELS.map((panel, i) => {
      const at = { x: 30 + (i % 2) * (PANEL_WIDTH + 60), y: 84 + Math.floor(i / 2) * 196 };
      return drawPanel(panel, at, subnets, flat ?? []);
    }),
    "</svg>",
    "",
  ].join("\n");
}

function legend(x: number, words: string, colour: string): string {
  return `<rect x="${x}" y="43" width="24" height="4" fill="${colour}"/><text x="${x + 32}" y="50">${words}</text>`;
}

function drawPanel(
  { title, of }: Panel,
  at: { readonly x: number; readonly y: number },
  subnets: readonly ChurnPoint[],
  flat: readonly ChurnPoint[],
): string {
  const all = [...subnets, ...flat];
  const most = Math.max(...all.map(of), Number.MIN_VALUE);
  const events = Math.max(...all.map((point) => point.events), 1);
  const top = at.y + 18;
  const bottom = top + PANEL_HEIGHT;
  const line = (points: readonly ChurnPoint[], colour: string): string => {
    const path = points.map((point) => {
      const x = at.x + (point.events / events) * PANEL_WIDTH;
      return `${x.toFixed(1)},${(bottom - (of(point) / most) * PANEL_HEIGHT).toFixed(1)}`;
    });
    return `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${path.join(" ")}"/>`;
  };
  const last = (points: readonly ChurnPoint[]): string =>
    points.length === 0 ? "" : shown(of(points.at(-1)!));
  const ends = [last(subnets), last(flat)].filter((text) => text !== "").join(" against ");
  return [
    `<text x="${at.x}" y="${at.y + 4}" font-weight="bold">${title}: ${ends}</text>`,
    `<line class="axis" x1="${at.x}" y1="${bottom}" x2="${at.x + PANEL_WIDTH}" y2="${bottom}"/>`,
    ...(flat.length > 0 ? [line(flat, COLOURS.flat)] : []),
    line(subnets, COLOURS.subnets),
    `<text class="quiet" x="${at.x}" y="${bottom + 16}">0</text>`,
    `<text class="quiet" x="${at.x + PANEL_WIDTH}" y="${bottom + 16}" text-anchor="end">${events} host events</text>`,
  ].join("\n");
}

function shown(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}
