/** The report as one HTML file that needs no other: drawings inline, light or dark, also on a phone. */
import { escapeXml } from "../plots/svg-text.ts";

export interface Chapter {
  readonly title: string;
  /** Paragraphs. */
  readonly text: readonly string[];
  /** SVG documents; several small ones stand side by side. */
  readonly drawings: readonly string[];
  readonly table: PageTable | null;
  /** Where it differs from what it is compared with, and why; one sentence or more each. */
  readonly differences: readonly string[];
}

export interface PageTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Page {
  readonly title: string;
  readonly lead: readonly string[];
  readonly chapters: readonly Chapter[];
  readonly foot: string;
}

/** A drawing as wide as this or wider has a line of its own, and scrolls on a phone. */
const WIDE = 600;

const STYLE = `
:root { color-scheme: light dark; --ground: #fff; --text: #1b1f24; --faint: #d5d9de; --shade: #f4f6f8 }
@media (prefers-color-scheme: dark) { :root { --ground: #14171b; --text: #e8eaed; --faint: #3a4048; --shade: #1c2025 } }
body { background: var(--ground); color: var(--text); font: 16px/1.5 Verdana, "DejaVu Sans", sans-serif; margin: 0 auto; max-width: 50rem; padding: 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.5rem; border-top: 1px solid var(--faint); padding-top: 1rem }
.wide { overflow-x: auto } .wide svg { width: 100%; min-width: 34rem; height: auto }
.small { display: flex; flex-wrap: wrap; gap: .5rem } .small svg { width: 10rem; height: auto }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: .85rem }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--faint); white-space: nowrap } th:first-child, td:first-child { text-align: left }
.differences { background: var(--shade); border-left: 3px solid var(--faint); padding: .5rem 1rem; margin: 1rem 0 } .differences p { margin: .4rem 0 }
footer { font-size: .8rem; margin-top: 3rem }`;

export function renderPage({ title, lead, chapters, foot }: Page): string {
  return [
    "<!doctype html>",
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeXml(title)}</title><style>${STYLE}</style></head><body>`,
    `<h1>${escapeXml(title)}</h1>`,
    ...lead.map(paragraph),
    ...chapters.flatMap(renderChapter),
    `<footer>${paragraph(foot)}</footer>`,
    "</body></html>",
    "",
  ].join("\n");
}

function renderChapter({ title, text, drawings, table, differences }: Chapter): readonly string[] {
  const isWide = drawings.some((svg) => widthOf(svg) >= WIDE);
  return [
    `<section><h2>${escapeXml(title)}</h2>`,
    ...text.map(paragraph),
    ...(isWide
      ? drawings.map((svg) => `<div class="wide">${svg}</div>`)
      : [`<div class="small">${drawings.join("")}</div>`]),
    ...(table === null ? [] : [renderTable(table)]),
    ...(differences.length === 0
      ? []
      : [`<div class="differences">${differences.map(paragraph).join("")}</div>`]),
    "</section>",
  ];
}

function widthOf(svg: string): number {
  return Number(/ width="(\d+)"/.exec(svg)?.[1] ?? 0);
}

function renderTable({ head, rows }: PageTable): string {
  const line = (cells: readonly string[], tag: "th" | "td"): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeXml(cell)}</${tag}>`).join("")}</tr>`;
  const body = rows.map((row) => line(row, "td")).join("");
  return `<div class="scroll"><table>${line(head, "th")}${body}</table></div>`;
}

function paragraph(text: string): string {
  return `<p>${escapeXml(text)}</p>`;
}
