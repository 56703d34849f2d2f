/**
 * What others found with the same scenarios, to set our results beside.
 *
 * The thesis gives curves; their values in its text are the convergence times. OverSim's are those of
 * its public version (2012 code on OMNeT++ 5.7.1) on a machine of two AMD EPYC processors, one run
 * each, as its own statistics count them.
 */

/** Deliveries of an overlay's first samples of 5 s, and what the run cost. */
export interface Anchor {
  readonly deliveries: readonly number[];
  readonly cpuS: number;
}

/** 10,000 nodes at 1,000/s; queries for random keys, unless it says otherwise. */
export const OVERSIM = {
  /** Over 25 s. */
  chord: { deliveries: [0.288, 0.686, 0.963, 1, 0.998], cpuS: 264 },
  kademlia: { deliveries: [0.827, 0.961, 0.996, 0.999, 0.998], cpuS: 107 },
  /** Queries for ids of nodes that have joined; over 30 s. */
  // oxlint-disable-next-line oxc/approx-constant -- a share of queries
  chordNodes: { deliveries: [0.333, 0.707, 0.973, 1, 1, 1], cpuS: 362 },
  /** The same. A random key may belong to a node that has not joined yet, and then nobody takes it. */
  exhaustive: { deliveries: [0, 0.326, 0.75, 1, 0.999], cpuS: 402 },
} as const satisfies Readonly<Record<string, Anchor>>;

/** What makes our runs like OverSim's: its nodes get their contacts without messages. */
export const AS_OVERSIM = { "server.isInstant": true };

/** OverSim's mean hops of Chord with 10,000 nodes, asked for ids of nodes; ½ · log2 N + 1. */
export const OVERSIM_CHORD_HOPS = 7.6;

/** The thesis' convergence times (§2.4), in seconds; Kademlia's are upper bounds. */
export const THESIS = {
  chord10k: 20,
  kademlia: 15,
  chord128k: 45,
} as const;

/** Chord without aggressive join: fig. 2.5, and what OverSim does with 250 nodes. */
export interface IntervalAnchor {
  /** STABILIZE and FIXFINGERS. */
  readonly name: string;
  /** In `sim/scenarios/`, and what differs from it. */
  readonly scenario: string;
  readonly changes: Readonly<Record<string, unknown>>;
  readonly convergenceTimeS: number;
  /** How far ours may be from it, as a share. */
  readonly tolerance: number;
  readonly source: "thesis" | "OverSim";
}

const OF_250 = { nodes: 250, rate: 1000 };

export const INTERVAL_ANCHORS: readonly IntervalAnchor[] = [
  {
    ...{ name: "1,000 nodes, 1/2 s", scenario: "fig-2.5-1-2", changes: {} },
    ...{ convergenceTimeS: 650, tolerance: 0.25, source: "thesis" },
  },
  {
    ...{ name: "1,000 nodes, 1-5/2-10 s", scenario: "fig-2.5-uniform", changes: {} },
    ...{ convergenceTimeS: 2000, tolerance: 0.25, source: "thesis" },
  },
  {
    ...{ name: "1,000 nodes, 5/10 s", scenario: "fig-2.5-5-10", changes: {} },
    ...{ convergenceTimeS: 4500, tolerance: 0.25, source: "thesis" },
  },
  {
    ...{
      name: "250 nodes, 1/2 s",
      scenario: "fig-2.5-1-2",
      changes: { ...OF_250, durationS: 300 },
    },
    ...{ convergenceTimeS: 145, tolerance: 0.2, source: "OverSim" },
  },
  {
    ...{ name: "250 nodes, 5/10 s", scenario: "fig-2.5-5-10" },
    changes: { ...OF_250, durationS: 1800 },
    ...{ convergenceTimeS: 800, tolerance: 0.2, source: "OverSim" },
  },
];
