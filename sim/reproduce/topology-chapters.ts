/** Figures 2.6, 2.7 and 2.8: hubs and chains, as a run leaves them and step by step. */
import { renderRound } from "../plots/rounds-plot.ts";
import { renderTopology } from "../plots/topology.ts";
import type { Edge } from "../plots/topology.ts";
import type { SimulationResult } from "../results/result.ts";
import type { Chapter } from "./page.ts";
import { ringSize } from "./slow-rings.ts";
import type { Rounds } from "./slow-rings.ts";

/** A finished run of Chord and each node's successor. */
export interface Snapshot {
  readonly name: string;
  readonly result: SimulationResult;
  readonly successors: readonly Edge[];
}

/** Of the edges of a Chord run those to successors: a node names its contacts nearest first. */
export function successorEdges(edges: Iterable<Edge>): readonly Edge[] {
  const first = new Map<number, Edge>();
  for (const edge of edges) if (!first.has(edge[0])) first.set(edge[0], edge);
  return [...first.values()];
}

export function snapshotChapter(snapshots: readonly Snapshot[]): Chapter {
  return {
    title: "Figure 2.6: 250 nodes 50 s after they started to join",
    text: [
      "Lines are successor pointers: a ring as a ring, and what hangs on it as trees around it.",
    ],
    drawings: snapshots.map(({ name, successors }) => renderTopology(name, successors, "auto")),
    table: {
      head: ["", "nodes pointed to", "by most", "on the ring", "believed %", "correct %"],
      rows: snapshots.map(({ name, result, successors }) => {
        const degrees = Map.groupBy(successors, ([, to]) => to);
        const last = result.samples.at(-1);
        return [
          name,
          String(degrees.size),
          String(Math.max(0, ...[...degrees.values()].map((edges) => edges.length))),
          String(longestRing(successors)),
          ((last?.believedDelivery ?? 0) * 100).toFixed(1),
          ((last?.correctDelivery ?? 0) * 100).toFixed(1),
        ];
      }),
    },
    differences: [
      "The thesis shows a picture and no numbers; as there, successors are trees with hubs and chains. OverSim delivers 13 to 19 % of the queries at that time. With aggressive join the same nodes are one ring.",
    ],
  };
}

/** Nodes of the largest cycle. */
export function longestRing(successors: readonly Edge[]): number {
  const next = new Map(successors);
  const seen = new Set<number>();
  let longest = 0;
  for (const [start] of successors) {
    const trail = new Map<number, number>();
    let node: number | undefined = start;
    while (node !== undefined && !seen.has(node)) {
      seen.add(node);
      trail.set(node, trail.size);
      node = next.get(node);
    }
    const entered = node === undefined ? undefined : trail.get(node);
    if (entered !== undefined) longest = Math.max(longest, trail.size - entered);
  }
  return longest;
}

export function roundsChapter(title: string, text: string, rounds: Rounds): Chapter {
  const sizes = rounds.map(ringSize);
  const isRight = rounds.at(-1)!.every((to, node, all) => to === (node + 1) % all.length);
  return {
    ...{ title, text: [text] },
    drawings: rounds.map((successors, round) =>
      renderRound(round === 0 ? "at first" : `round ${round}`, successors, "auto"),
    ),
    table: {
      head: ["round", ...rounds.map((_, round) => String(round))],
      rows: [["nodes on the ring", ...sizes.map(String)]],
    },
    differences: [
      isRight && sizes.every((size, i) => i === 0 || size - sizes[i - 1]! <= 1)
        ? "As the thesis says: the ring grows by one node a round at most, until it has all of them."
        : `Not as the thesis says: the ring's sizes are ${sizes.join(", ")}.`,
    ],
  };
}
