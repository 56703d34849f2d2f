/** The report's chapters in the order of the thesis' figures, from whatever was found. */
import { OVERSIM, THESIS } from "../results/anchors.ts";
import type { SimulationResult } from "../results/result.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { deliveryChapter, intervalsChapter, seedsOf, sizesChapter } from "./delivery-chapters.ts";
import type { Chapter, Page } from "./page.ts";
import { chainRounds, hubRounds } from "./slow-rings.ts";
import type { Compared, Findings, Studies, Study } from "./studies.ts";
import { roundsChapter, snapshotChapter } from "./topology-chapters.ts";
import type { Snapshot } from "./topology-chapters.ts";

export interface ReportParts {
  readonly studies: Studies;
  readonly findings: Findings;
  readonly snapshots: readonly Snapshot[];
  /** Chord without aggressive join. */
  readonly slowChord: Scenario;
  readonly isQuick: boolean;
  readonly version: string;
  /** Who measured when. */
  readonly foot: string;
}

const LEAD = [
  "What the thesis' chapter 2 found with OverSim, simulated anew: the delivery of queries for random keys while thousands of nodes join at once. Delivery is queries delivered over queries sent in 5 s; what is sent in one sample may arrive in the next, so it may be above 100 %. Believed delivery counts, as the thesis does, every query that reaches a node which holds itself responsible; correct delivery only those that reach the node that is.",
  "Lines are means over seeds, bands where the mean lies with 95 % (Student's t). OverSim's values are those of its public version of 2012, one run each; the thesis' version and its seeds are not public, and of its curves only the convergence times stand in its text.",
];

export function reportPage(parts: ReportParts): Page {
  const { findings, isQuick, version, foot } = parts;
  const kademlia = findings.get("fig-2.1b") ?? [];
  return {
    title: "Bootstrapping Chord and Kademlia: the thesis' figures, reproduced",
    lead: [
      ...LEAD,
      `Made by causeway ${version}, ${seedsOf(kademlia)}${isQuick ? "; a quick version, with fewer seeds, sizes and intervals" : ""}.`,
    ],
    chapters: [...deliveryChapters(parts), ...laterChapters(parts)],
    foot,
  };
}

function deliveryChapters({ findings, studies }: ReportParts): readonly Chapter[] {
  const of = ({ name }: Study): readonly SimulationResult[] => findings.get(name) ?? [];
  const found = ({ study, alike }: Compared) => [of(study), of(alike)] as const;
  return [
    deliveryChapter(...found(studies.chord), {
      title: "Figure 2.1a: 10,000 nodes join Chord",
      text: ["1,000 nodes a second, with aggressive join."],
      ...{ anchor: OVERSIM.chord, thesisS: THESIS.chord10k },
      reason:
        "OverSim also routes a query on when its receiver is not responsible any more; here it is lost.",
    }),
    deliveryChapter(...found(studies.chordNodes), {
      title: "The same, asked for ids of nodes",
      text: [
        "Queries for ids of nodes that have joined, as OverSim's test application sends unless it is changed. A finger may be the very node, so they take fewer hops than those for random keys.",
      ],
      ...{ anchor: OVERSIM.chordNodes, thesisS: null },
      reason: "",
    }),
    deliveryChapter(...found(studies.kademlia), {
      title: "Figure 2.1b: 10,000 nodes join Kademlia",
      text: [
        "1,000 nodes a second. Joining lookups end at the first node that holds itself responsible, so few find the right neighbours, and correct delivery stays low: with the thesis' measure nobody sees it.",
      ],
      ...{ anchor: OVERSIM.kademlia, thesisS: THESIS.kademlia },
      reason: "",
    }),
    deliveryChapter(...found(studies.exhaustive), {
      title: "The same with exhaustive joining",
      text: [
        "OverSim's defaults of 2012: a joining node asks until all of the closest have answered, and queries are for ids of nodes that have joined. Then believed is correct.",
      ],
      ...{ anchor: OVERSIM.exhaustive, thesisS: null },
      reason:
        "With random keys the ramp would be 13 and 58 % at 10 and 15 s: the node nearest to such a key may not have joined yet, and then nobody takes the query.",
    }),
  ];
}

function laterChapters({ findings, snapshots, slowChord }: ReportParts): readonly Chapter[] {
  return [
    sizesChapter(findings),
    intervalsChapter(findings),
    snapshotChapter(snapshots),
    roundsChapter(
      "Figure 2.7: a hub becomes a ring",
      "Nodes 1 to 5 have node 0 as their successor; arrows are successors. Each round every node runs STABILIZE once, with the core that all other runs have.",
      hubRounds(slowChord),
    ),
    roundsChapter(
      "Figure 2.8: a chain becomes a ring",
      "Nodes 0 and 5 are a ring; behind 5 hang 4, 3, 2 and 1, each with the next as its successor.",
      chainRounds(slowChord),
    ),
  ];
}
