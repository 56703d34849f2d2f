/** Who knows whom, as DOT for other programs and as SVG. */
import { SimulationError } from "../errors.ts";
import { layOutTopology } from "./topology-layout.ts";
import { coordinate, escapeXml, renderSvg } from "./svg-text.ts";
import { renderStyle } from "./theme.ts";
import type { Theme } from "./theme.ts";

/** From a node to one that it knows, by their numbers. */
export type Edge = readonly [from: number, to: number];

const SIZE = 900;
const MARGIN = 50;
/** More are a black disc. */
const EDGES_MAX = 50_000;
const PIECE_CHARACTERS = 1 << 16;

/** Graphviz, in pieces of many lines; `neato` and `sfdp` lay it out. */
export function* renderDot(title: string, edges: Iterable<Edge>): Generator<string> {
  const name = title.replaceAll(/["\\\n\r]/g, " ");
  yield `digraph "${name}" {\n  node [shape=point];\n  edge [arrowsize=0.4];\n`;
  let piece = "";
  for (const [from, to] of edges) {
    piece += `  ${from} -> ${to};\n`;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield piece;
    piece = "";
  }
  yield `${piece}}\n`;
}

/**
 * Where each node has one edge at most, as with successors: rings as rings, and what hangs on them as
 * trees around. Else all on one ring, in order of their numbers.
 *
 * @throws {SimulationError} ERR_SIM_TOO_LARGE with advice
 */
export function renderTopology(title: string, all: Iterable<Edge>, theme: Theme): string {
  const edges = [...Iterator.from(all).take(EDGES_MAX + 1)];
  if (edges.length > EDGES_MAX)
    throw new SimulationError(
      "ERR_SIM_TOO_LARGE",
      `more than ${EDGES_MAX} edges cannot be seen in one drawing; write a .dot file and draw it with sfdp, or simulate fewer nodes`,
    );
  const places = layOutTopology(edges);
  const scale = (value: number): string => coordinate(SIZE / 2 + value * (SIZE / 2 - MARGIN));
  const radius = coordinate(Math.max(1, Math.min(5, 120 / Math.sqrt(places.size + 1))));
  const opacity = coordinate(Math.max(0.08, Math.min(0.9, 400 / (edges.length + 1))));
  const lines = edges.map(([from, to]) => {
    const [x1, y1] = places.get(from) ?? [0, 0];
    const [x2, y2] = places.get(to) ?? [0, 0];
    return `<line x1="${scale(x1)}" y1="${scale(y1)}" x2="${scale(x2)}" y2="${scale(y2)}"/>`;
  });
  const dots = [...places].map(
    ([node, [x, y]]) =>
      `<circle cx="${scale(x)}" cy="${scale(y)}" r="${radius}"><title>${node}</title></circle>`,
  );
  return renderSvg(SIZE, SIZE, title, renderStyle(theme), [
    `<text class="text" x="16" y="26" font-size="16">${escapeXml(title)}</text>`,
    `<g class="s0" stroke-opacity="${opacity}">`,
    ...lines,
    "</g>",
    '<g class="node">',
    ...dots,
    "</g>",
  ]);
}
