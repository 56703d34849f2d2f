/** Few nodes on a circle with their successors, a drawing for each round. */
import { coordinate, escapeXml, renderSvg } from "./svg-text.ts";
import { renderStyle } from "./theme.ts";
import type { Theme } from "./theme.ts";

const SIZE = 180;
const CAPTION = 34;
const RADIUS = 62;
const NODE_RADIUS = 12;
const HEAD = 7;

/** @param successors  by node; nodes are on the circle in the order of their numbers */
export function renderRound(caption: string, successors: readonly number[], theme: Theme): string {
  const count = successors.length;
  const place = (node: number): readonly [number, number] => {
    const angle = (2 * Math.PI * node) / count - Math.PI / 2;
    return [SIZE / 2 + RADIUS * Math.cos(angle), SIZE / 2 + RADIUS * Math.sin(angle)];
  };
  return renderSvg(SIZE, SIZE + CAPTION, caption, renderStyle(theme), [
    ...successors.map((to, from) => renderArrow(place(from), place(to))),
    ...successors.map((_, node) => renderNode(node, place(node))),
    `<text class="text" x="${SIZE / 2}" y="${SIZE + 18}" text-anchor="middle">${escapeXml(caption)}</text>`,
  ]);
}

function renderNode(node: number, [x, y]: readonly [number, number]): string {
  return [
    `<circle class="ground s0" cx="${coordinate(x)}" cy="${coordinate(y)}" r="${NODE_RADIUS}" stroke-width="1.5"/>`,
    `<text class="text" x="${coordinate(x)}" y="${coordinate(y + 4.5)}" text-anchor="middle">${node}</text>`,
  ].join("");
}

/** From edge to edge of two nodes, bent a little so that an arrow and its opposite are two. */
function renderArrow(
  [x1, y1]: readonly [number, number],
  [x2, y2]: readonly [number, number],
): string {
  const length = Math.hypot(x2 - x1, y2 - y1);
  const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
  const shift = NODE_RADIUS / 3;
  const at = (along: number, across: number): string =>
    `${coordinate(x1 + ux * along - uy * across)},${coordinate(y1 + uy * along + ux * across)}`;
  const end = length - NODE_RADIUS - 1;
  const [from, to] = [at(NODE_RADIUS, shift), at(end - HEAD, shift)];
  return [
    `<polyline class="s0" fill="none" stroke-width="1.8" points="${from} ${to}"/>`,
    `<polygon class="f0" points="${at(end, shift)} ${at(end - HEAD, shift + 4)} ${at(end - HEAD, shift - 4)}"/>`,
  ].join("");
}
