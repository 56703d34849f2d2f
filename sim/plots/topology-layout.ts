/** Places for the nodes of a graph, within the unit circle. */
import type { Edge } from "./topology.ts";

type Place = readonly [x: number, y: number];

/** @returns every node that an edge names, smallest number first */
export function layOutTopology(edges: readonly Edge[]): ReadonlyMap<number, Place> {
  const nodes = [...new Set(edges.flat())].toSorted((a, b) => a - b);
  const next = new Map(edges.filter(([from, to]) => from !== to));
  const isFunction = new Set(edges.map(([from]) => from)).size === edges.length;
  return isFunction ? layOutTrees(nodes, next) : layOutRing(nodes);
}

function layOutRing(nodes: readonly number[]): ReadonlyMap<number, Place> {
  return new Map(nodes.map((node, i) => [node, onCircle(i / nodes.length, 1)]));
}

function onCircle(turn: number, radius: number): Place {
  return [radius * Math.sin(turn * 2 * Math.PI), -radius * Math.cos(turn * 2 * Math.PI)];
}

/**
 * Each node points to at most one: what it comes to, in the end, is a ring or a node that points
 * nowhere. That is the middle; a sector for each of its nodes holds the tree that leads there.
 */
function layOutTrees(
  nodes: readonly number[],
  next: ReadonlyMap<number, number>,
): ReadonlyMap<number, Place> {
  const ring = ringNodes(nodes, next);
  const children = new Map<number, number[]>();
  for (const node of nodes) {
    const parent = next.get(node);
    if (parent === undefined || ring.has(node)) continue;
    const known = children.get(parent);
    if (known === undefined) children.set(parent, [node]);
    else known.push(node);
  }
  const order = depthFirst([...ring], children);
  const weights = leafCounts(order, children);
  const depths = Math.max(1, ...order.map(({ depth }) => depth));
  const places = new Map<number, Place>();
  const total = [...ring].reduce((sum, node) => sum + (weights.get(node) ?? 1), 0);
  const hasTrees = depths > 1;
  const from = new Map<number, number>();
  let turn = 0;
  for (const root of ring) {
    from.set(root, turn);
    turn += (weights.get(root) ?? 1) / total;
  }
  for (const { node, depth } of order) {
    let start = from.get(node) ?? 0;
    const share = (weights.get(node) ?? 1) / total;
    const radius = hasTrees ? 0.3 + (0.7 * (depth - 1)) / (depths - 1) : 1;
    places.set(node, ring.size === 1 && depth === 1 ? [0, 0] : onCircle(start + share / 2, radius));
    for (const child of children.get(node) ?? []) {
      from.set(child, start);
      start += (weights.get(child) ?? 1) / total;
    }
  }
  return new Map(nodes.map((node) => [node, places.get(node) ?? [0, 0]]));
}

/** Nodes on a cycle, ring after ring in the order of their edges, and those that point nowhere. */
function ringNodes(
  nodes: readonly number[],
  next: ReadonlyMap<number, number>,
): ReadonlySet<number> {
  const ring = new Set<number>();
  const walkOf = new Map<number, number>();
  for (const first of nodes) {
    let node: number | undefined = first;
    while (node !== undefined && !walkOf.has(node)) {
      walkOf.set(node, first);
      if (!next.has(node)) ring.add(node);
      node = next.get(node);
    }
    // A node seen on this very walk closes a cycle.
    if (node === undefined || walkOf.get(node) !== first) continue;
    for (let at: number | undefined = node; at !== undefined && !ring.has(at); at = next.get(at))
      ring.add(at);
  }
  return ring;
}

interface Visit {
  readonly node: number;
  /** 1 on the ring. */
  readonly depth: number;
}

/** Parents before their children; without recursion, since a chain may have every node. */
function depthFirst(
  roots: readonly number[],
  children: ReadonlyMap<number, readonly number[]>,
): readonly Visit[] {
  const order: Visit[] = [];
  const waiting: Visit[] = roots.toReversed().map((node) => ({ node, depth: 1 }));
  for (let visit = waiting.pop(); visit !== undefined; visit = waiting.pop()) {
    order.push(visit);
    for (const node of (children.get(visit.node) ?? []).toReversed())
      waiting.push({ node, depth: visit.depth + 1 });
  }
  return order;
}

/** How many ends each node's tree has; its share of the circle. */
function leafCounts(
  order: readonly Visit[],
  children: ReadonlyMap<number, readonly number[]>,
): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const { node } of order.toReversed()) {
    const own = children.get(node) ?? [];
    const inside = own.reduce((sum, child) => sum + (counts.get(child) ?? 1), 0);
    counts.set(node, Math.max(1, inside));
  }
  return counts;
}
