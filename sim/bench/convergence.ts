/** When overlays are there, over several seeds, beside what the thesis and OverSim found. */
import { createFigure } from "../../platform/bench/figure.ts";
import type { Figure, FigureTable, SectionResult } from "../../platform/bench/figure.ts";
import { ownScenario } from "../io/own-scenarios.ts";
import { meanInterval } from "../plots/student.ts";
import type { Interval } from "../plots/student.ts";
import {
  AS_OVERSIM,
  INTERVAL_ANCHORS,
  OVERSIM,
  OVERSIM_CHORD_HOPS,
  THESIS,
} from "../results/anchors.ts";
import type { Anchor, IntervalAnchor } from "../results/anchors.ts";
import { convergedAt, type Delivery } from "../results/convergence.ts";
import type { SimulationResult } from "../results/result.ts";
import type { SimBench, SimSection } from "./section.ts";

/** A delivery may be so many per cent of the queries from OverSim's. */
const POINTS_MAX = 6;
const HOPS_TOLERANCE = 0.4;
/** All successors are right by then. */
const RING_AT_S = 25;

export const convergence: SimSection = {
  name: "convergence",
  summary: "10,000 nodes over seeds: convergence, hops, and each sample beside OverSim's",
  isLong: false,
  async run(bench) {
    const parts: SectionResult[] = [];
    for (const one of COMPARISONS) parts.push(await compare(bench, one));
    return {
      figures: parts.flatMap(({ figures }) => figures),
      tables: parts.flatMap(({ tables }) => tables),
    };
  },
};

interface Comparison {
  readonly name: string;
  readonly file: string;
  readonly changes: Readonly<Record<string, unknown>>;
  readonly anchor: Anchor;
  /** When the last seed is to have converged; null: nobody says. */
  readonly latestS: number | null;
  /** Whether hops and the ring are looked at. */
  readonly isRing: boolean;
}

const COMPARISONS: readonly Comparison[] = [
  {
    ...{ name: "Kademlia 10,000", file: "fig-2.1b", changes: {}, isRing: false },
    ...{ anchor: OVERSIM.kademlia, latestS: THESIS.kademlia },
  },
  {
    ...{ name: "exhaustive 10,000", file: "exhaustive-join", changes: {}, isRing: false },
    ...{ anchor: OVERSIM.exhaustive, latestS: null },
  },
  {
    ...{ name: "Chord 10,000", file: "fig-2.1a", changes: {}, isRing: false },
    ...{ anchor: OVERSIM.chord, latestS: THESIS.chord10k },
  },
  {
    ...{ name: "Chord 10,000, ids of nodes", file: "fig-2.1a", isRing: true },
    changes: { "workload.target": "node" },
    ...{ anchor: OVERSIM.chordNodes, latestS: THESIS.chord10k },
  },
];

async function compare(
  bench: SimBench,
  { name, file, changes, anchor, latestS, isRing }: Comparison,
): Promise<SectionResult> {
  bench.progress(`${name}, ${bench.seeds.length} seeds`);
  const results = await overSeeds(bench, file, changes);
  const alike = await overSeeds(bench, file, { ...changes, ...AS_OVERSIM });
  const figures = [
    ...(latestS === null ? [] : [latestFigure("convergence", name, results, latestS)]),
    distanceFigure(name, alike, anchor),
    ...(isRing ? ringFigures(name, results) : []),
  ];
  return { figures, tables: [samplesTable(name, results, alike, anchor)] };
}

async function overSeeds(
  bench: SimBench,
  file: string,
  changes: Readonly<Record<string, unknown>>,
): Promise<readonly SimulationResult[]> {
  return bench.runAll(
    await Promise.all(bench.seeds.map((seed) => ownScenario(file, { ...changes, seed }))),
  );
}

function latestFigure(
  section: string,
  name: string,
  results: readonly SimulationResult[],
  bar: number,
): Figure {
  const times = results.map(({ convergenceTimeS }) => convergenceTimeS ?? Infinity);
  return createFigure({
    ...{ section, name: `${name}: the last seed converges at`, unit: "s", bar },
    ...{ measured: Math.max(...times), n: results.length, note: `seeds: ${times.join(" ")}` },
  });
}

/** How far the mean over seeds is from OverSim's one run, where it is farthest. @param results asked alike */
export function distanceFigure(
  name: string,
  results: readonly SimulationResult[],
  { deliveries }: Anchor,
): Figure {
  const distances = deliveries.map((theirs, i) => {
    const ours = deliveryAt(results, i)?.mean ?? NaN;
    return Math.abs(ours - theirs) * 100;
  });
  const measured = Math.max(...distances);
  return createFigure({
    ...{ section: "convergence", name: `${name}: farthest sample from OverSim's`, unit: "points" },
    ...{ bar: POINTS_MAX, measured, n: results.length },
    note: `at ${(results[0]?.samples[distances.indexOf(measured)]?.timeS ?? NaN).toFixed(0)} s`,
  });
}

function deliveryAt(results: readonly SimulationResult[], sample: number): Interval | null {
  const values = results.map(({ samples }) => samples[sample]?.believedDelivery ?? null);
  return meanInterval(values.filter((value) => value !== null));
}

function ringFigures(name: string, results: readonly SimulationResult[]): readonly Figure[] {
  const hops = meanInterval(results.flatMap(({ meanHops }) => meanHops ?? []));
  const accuracies = results.map(
    ({ samples }) => samples.find(({ timeS }) => timeS === RING_AT_S)?.accuracy ?? 0,
  );
  const about = { section: "convergence", n: results.length };
  return [
    createFigure({
      ...{ ...about, name: `${name}: mean hops, from ${OVERSIM_CHORD_HOPS}`, unit: "count" },
      ...{ bar: HOPS_TOLERANCE, measured: Math.abs((hops?.mean ?? NaN) - OVERSIM_CHORD_HOPS) },
      note: hops === null ? "" : `${showInterval(hops, 1, 2)} hops`,
    }),
    createFigure({
      ...{ ...about, name: `${name}: right successors at ${RING_AT_S} s`, unit: "%" },
      ...{ sense: "at-least", bar: 100, measured: Math.min(...accuracies) * 100 },
    }),
  ];
}

function samplesTable(
  name: string,
  results: readonly SimulationResult[],
  alike: readonly SimulationResult[],
  { deliveries }: Anchor,
): FigureTable {
  return {
    title: `${name}: believed delivery, ${results.length} seeds, means with 95 % intervals`,
    head: ["at", "delivery %", "instant server %", "OverSim %", "correct %"],
    rows: deliveries.map((theirs, i) => {
      const [ours, near] = [deliveryAt(results, i), deliveryAt(alike, i)];
      const correct = meanInterval(
        results.flatMap(({ samples }) => samples[i]?.correctDelivery ?? []),
      );
      return [
        `${results[0]?.samples[i]?.timeS ?? 0} s`,
        ours === null ? "-" : showInterval(ours, 100, 1),
        near === null ? "-" : showInterval(near, 100, 1),
        (theirs * 100).toFixed(1),
        correct === null ? "-" : showInterval(correct, 100, 1),
      ];
    }),
  };
}

function showInterval({ mean, high }: Interval, factor: number, digits: number): string {
  return `${(mean * factor).toFixed(digits)} ± ${((high - mean) * factor).toFixed(digits)}`;
}

const SIZES = [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000];
/** At 128,000 nodes Chord converges so near the thesis' time, as a share of it. */
const CHORD_TOLERANCE_S = 10;

export const sizes: SimSection = {
  name: "sizes",
  summary: "convergence from 1,000 to 128,000 nodes, both protocols",
  isLong: true,
  async run(bench) {
    const figures: Figure[] = [];
    for (const nodes of SIZES) {
      bench.progress(`${nodes} nodes`);
      const changes = { nodes, durationS: 60 };
      const name = nodes.toLocaleString("en");
      const [kademlia, chord] = [
        await overSeeds(bench, "fig-2.1b", changes),
        await overSeeds(bench, "fig-2.1a", changes),
      ];
      const latestS = THESIS.chord128k + CHORD_TOLERANCE_S;
      figures.push(
        latestFigure("sizes", `Kademlia ${name}`, kademlia, THESIS.kademlia),
        latestFigure("sizes", `Chord ${name}`, chord, latestS),
      );
    }
    return { figures, tables: [] };
  },
};

export const intervals: SimSection = {
  name: "intervals",
  summary: "Chord without aggressive join: 1,000 and 250 nodes, several intervals",
  isLong: true,
  async run(bench) {
    const figures: Figure[] = [];
    for (const anchor of INTERVAL_ANCHORS) {
      bench.progress(anchor.name);
      const results = await overSeeds(bench, anchor.scenario, anchor.changes);
      for (const delivery of ["believedDelivery", "correctDelivery"] as const)
        figures.push(intervalFigure(anchor, results, delivery));
    }
    return { figures, tables: [] };
  },
};

/** How far the mean time is from the anchor's, as a share of it. */
export function intervalFigure(
  { name, convergenceTimeS, source, tolerance }: IntervalAnchor,
  results: readonly SimulationResult[],
  delivery: Delivery,
): Figure {
  const times = results.map(({ samples }) => convergedAt(samples, delivery) ?? Infinity);
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
  const what = delivery === "believedDelivery" ? "believed" : "correct";
  return createFigure({
    ...{
      section: "intervals",
      name: `${name}: 95 % ${what}, from ${convergenceTimeS} s`,
      unit: "%",
    },
    bar: tolerance * 100,
    measured: (Math.abs(mean - convergenceTimeS) / convergenceTimeS) * 100,
    n: results.length,
    note: `${source}: ${convergenceTimeS} s; mean ${mean.toFixed(0)} s of ${times.join(" ")}`,
  });
}
