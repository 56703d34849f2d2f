/**
 * Figures as a picture: one bar each, its length how much of the allowed it takes.
 *
 * Plain SVG, readable in any browser, light or dark.
 */
import { formatMeasure } from "./report.ts";
import type { Figure } from "./figure.ts";

const WIDTH = 960;
const LABEL_WIDTH = 470;
const ROW_HEIGHT = 24;
const TOP = 56;
const RIGHT = 170;
/** Where the bar stands that must not be crossed, and how far over it a figure is drawn. */
const BAR_SHARE = 0.62;
const SHOWN_MAX = 1 / BAR_SHARE;

export function drawChart(title: string, figures: readonly Figure[]): string {
  const height = TOP + figures.length * ROW_HEIGHT + 24;
  const barX = LABEL_WIDTH + (WIDTH - LABEL_WIDTH - RIGHT) * BAR_SHARE;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<style>text{fill:#222}.quiet{fill:#777}.axis{stroke:#444}.back{fill:#fff}`,
    `@media(prefers-color-scheme:dark){text{fill:#ddd}.quiet{fill:#999}.axis{stroke:#bbb}.back{fill:#181818}}</style>`,
    `<rect class="back" width="${WIDTH}" height="${height}"/>`,
    `<text x="12" y="24" font-size="16" font-weight="bold">${escapeXml(title)}</text>`,
    `<text x="${barX}" y="46" text-anchor="middle" class="quiet">the bar</text>`,
    ...figures.map((figure, row) => drawRow(figure, TOP + row * ROW_HEIGHT)),
    `<line class="axis" x1="${barX}" x2="${barX}" y1="${TOP - 4}" y2="${height - 20}"/>`,
    "</svg>",
    "",
  ].join("\n");
}

function drawRow(figure: Figure, y: number): string {
  const { name, section, isPassed, bar, sense } = figure;
  const width = Math.max(
    1,
    Math.min(SHOWN_MAX, shareOf(figure)) * BAR_SHARE * (WIDTH - LABEL_WIDTH - RIGHT),
  );
  const colour = isPassed ? "#2a9d5c" : "#d1495b";
  const limit = `${sense === "at-most" ? "≤" : "≥"} ${formatMeasure(bar, figure)}`;
  const label = name.length > 66 ? `${name.slice(0, 65)}…` : name;
  return [
    `<text x="12" y="${y + 15}"><title>${escapeXml(name)}</title><tspan class="quiet">${section}</tspan><tspan dx="6">${escapeXml(label)}</tspan></text>`,
    `<rect x="${LABEL_WIDTH}" y="${y + 4}" width="${width.toFixed(1)}" height="${ROW_HEIGHT - 8}" fill="${colour}"/>`,
    `<text x="${WIDTH - RIGHT + 8}" y="${y + 15}">${escapeXml(`${formatMeasure(figure.measured, figure)} ${limit}`)}</text>`,
  ].join("\n");
}

/** 1 at the bar, less when it is met with room; over it for what fails. */
export function shareOf({ measured, bar, sense }: Figure): number {
  if (!Number.isFinite(measured)) return SHOWN_MAX;
  if (sense === "at-least") return measured === 0 ? SHOWN_MAX : bar / measured;
  if (bar === 0) return measured === 0 ? 0 : SHOWN_MAX;
  return measured / bar;
}

export function escapeXml(text: string): string {
  return text.replace(/[<>&"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
