/** Lines over an axis, each with the band in which its mean lies with 95 %, as SVG. */
import { createAxis, tickLabel } from "./axis.ts";
import type { Axis, ScaleType } from "./axis.ts";
import { coordinate, escapeXml, renderSvg } from "./svg-text.ts";
import { SERIES_COLOURS, renderStyle } from "./theme.ts";
import type { Theme } from "./theme.ts";

export interface PlotPoint {
  readonly x: number;
  readonly y: number;
  /** Bounds of the band; both as `y` where there is none. */
  readonly low: number;
  readonly high: number;
}

export interface Series {
  readonly name: string;
  /** In order of `x`. */
  readonly points: readonly PlotPoint[];
}

export interface LinePlot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly xScale: ScaleType;
  /** These are on the axes whatever the values are. */
  readonly xHas: readonly number[];
  readonly yHas: readonly number[];
  readonly series: readonly Series[];
  /** A line across, such as a bar that is to be reached; null for none. */
  readonly mark: { readonly y: number; readonly label: string } | null;
}

const WIDTH = 760;
const HEIGHT = 440;
const LEFT = 68;
const RIGHT = 24;
const TOP = 48;
const BOTTOM = 56;
const LEGEND_LINE = 19;
const DASHES = ["none", "7 4", "2 3", "9 3 2 3"];

interface Frame {
  x(value: number): number;
  y(value: number): number;
}

/** @returns a whole SVG document; a plot without any point says so */
export function renderLinePlot(plot: LinePlot, theme: Theme): string {
  const height = HEIGHT + LEGEND_LINE * plot.series.length;
  const points = plot.series.flatMap((one) => one.points);
  const head = `<text class="text" x="${LEFT}" y="26" font-size="16">${escapeXml(plot.title)}</text>`;
  const style = renderStyle(theme);
  if (points.length === 0)
    return renderSvg(WIDTH, height, plot.title, style, [
      head,
      `<text class="text" x="${LEFT}" y="${TOP + 40}">nothing to show: no run has such values</text>`,
    ]);
  const xAxis = createAxis(plot.xScale, [...plot.xHas, ...points.map(({ x }) => x)]);
  const yAxis = createAxis("linear", [
    ...plot.yHas,
    ...points.flatMap(({ y, low, high }) => [y, low, high]),
  ]);
  const frame: Frame = {
    x: (value) => LEFT + xAxis.place(value) * (WIDTH - LEFT - RIGHT),
    y: (value) => HEIGHT - BOTTOM - yAxis.place(value) * (HEIGHT - TOP - BOTTOM),
  };
  return renderSvg(WIDTH, height, plot.title, style, [
    head,
    ...renderGrid(plot, frame, xAxis, yAxis),
    ...plot.series.map((one, i) => renderBand(one, i, frame)),
    ...plot.series.map((one, i) => renderLine(one, i, frame)),
    ...plot.series.map((one, i) => renderLegend(one, i)),
  ]);
}

function renderGrid(
  { xLabel, yLabel, mark }: LinePlot,
  { x, y }: Frame,
  xAxis: Axis,
  yAxis: Axis,
): readonly string[] {
  const base = HEIGHT - BOTTOM;
  const middle = (TOP + base) / 2;
  return [
    ...yAxis.ticks.flatMap((tick) => [
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${coordinate(y(tick))}" y2="${coordinate(y(tick))}"/>`,
      `<text class="text" x="${LEFT - 8}" y="${coordinate(y(tick) + 4.5)}" text-anchor="end">${tickLabel(tick)}</text>`,
    ]),
    ...xAxis.ticks.flatMap((tick) => [
      `<line class="grid" x1="${coordinate(x(tick))}" x2="${coordinate(x(tick))}" y1="${base}" y2="${base + 6}"/>`,
      `<text class="text" x="${coordinate(x(tick))}" y="${base + 21}" text-anchor="middle">${tickLabel(tick)}</text>`,
    ]),
    `<text class="text" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${base + 43}" text-anchor="middle">${escapeXml(xLabel)}</text>`,
    `<text class="text" x="18" y="${middle}" text-anchor="middle" transform="rotate(-90 18 ${middle})">${escapeXml(yLabel)}</text>`,
    ...(mark === null
      ? []
      : [
          `<line class="s6" stroke-dasharray="3 4" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${coordinate(y(mark.y))}" y2="${coordinate(y(mark.y))}"/>`,
          `<text class="text" font-size="11" x="${WIDTH - RIGHT}" y="${coordinate(y(mark.y) + 13)}" text-anchor="end">${escapeXml(mark.label)}</text>`,
        ]),
  ];
}

function renderBand({ points }: Series, index: number, { x, y }: Frame): string {
  if (points.every(({ low, high }) => low === high)) return "";
  const corners = [
    ...points.map((point) => `${coordinate(x(point.x))},${coordinate(y(point.high))}`),
    ...points.toReversed().map((point) => `${coordinate(x(point.x))},${coordinate(y(point.low))}`),
  ];
  return `<polygon class="f${index % SERIES_COLOURS}" fill-opacity="0.2" points="${corners.join(" ")}"/>`;
}

function renderLine({ points }: Series, index: number, { x, y }: Frame): string {
  const places = points.map((point) => `${coordinate(x(point.x))},${coordinate(y(point.y))}`);
  // With many points the dots would be a line themselves.
  const dots =
    points.length > 60
      ? []
      : places.map((place) => {
          const [cx, cy] = place.split(",");
          return `<circle class="f${index % SERIES_COLOURS}" cx="${cx}" cy="${cy}" r="3"/>`;
        });
  return `<polyline class="s${index % SERIES_COLOURS}" fill="none" stroke-width="2" stroke-dasharray="${dashOf(index)}" points="${places.join(" ")}"/>${dots.join("")}`;
}

function renderLegend({ name }: Series, index: number): string {
  const y = HEIGHT + 4 + LEGEND_LINE * index;
  return [
    `<line class="s${index % SERIES_COLOURS}" stroke-width="3" stroke-dasharray="${dashOf(index)}" x1="${LEFT}" x2="${LEFT + 34}" y1="${y - 4}" y2="${y - 4}"/>`,
    `<text class="text" x="${LEFT + 44}" y="${y}">${escapeXml(name)}</text>`,
  ].join("");
}

function dashOf(index: number): string {
  return DASHES[index % DASHES.length]!;
}
