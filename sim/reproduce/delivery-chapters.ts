/** Figures 2.1a, 2.1b, 2.2 and 2.5: delivery and convergence, beside the thesis and OverSim. */
import { renderLinePlot } from "../plots/line-plot.ts";
import type { Series } from "../plots/line-plot.ts";
import { deliveriesPlot, deliveryPlot, pointsOf } from "../plots/result-plots.ts";
import { meanInterval } from "../plots/student.ts";
import { INTERVAL_ANCHORS, THESIS } from "../results/anchors.ts";
import type { Anchor } from "../results/anchors.ts";
import { CONVERGED, convergedAt } from "../results/convergence.ts";
import type { SimulationResult } from "../results/result.ts";
import type { Chapter } from "./page.ts";
import type { Findings } from "./studies.ts";

type Results = readonly SimulationResult[];

const SAMPLE_S = 5;

export interface DeliveryText {
  readonly title: string;
  readonly text: readonly string[];
  readonly anchor: Anchor;
  /** Null where the thesis has no such figure. */
  readonly thesisS: number | null;
  /** What else is to be said of the difference; may be empty. */
  readonly reason: string;
}

/** Delivery over time of one scenario. @param alike with a bootstrap server as OverSim's */
export function deliveryChapter(results: Results, alike: Results, about: DeliveryText): Chapter {
  const { title, text, anchor, thesisS, reason } = about;
  const plot = deliveryPlot({ name: `${title}, ${seedsOf(results)}`, results });
  const overSim: Series = {
    name: "OverSim, one run",
    points: anchor.deliveries.map((y, i) => {
      return { x: (i + 1) * SAMPLE_S, y, low: y, high: y };
    }),
  };
  const rows = anchor.deliveries.map((theirs, i) => [
    `${(i + 1) * SAMPLE_S} s`,
    percent(deliveries(results, i, "believedDelivery")),
    percent(deliveries(results, i, "correctDelivery")),
    percent(deliveries(alike, i, "believedDelivery")),
    (theirs * 100).toFixed(1),
  ]);
  const distances = anchor.deliveries.map((theirs, i) => {
    const ours = meanInterval(deliveries(alike, i, "believedDelivery"));
    return ours === null ? 0 : (ours.mean - theirs) * 100;
  });
  const farthest = Math.max(...distances.map(Math.abs));
  const at = distances.findIndex((one) => Math.abs(one) === farthest);
  const thesis = thesisS === null ? "" : ` The thesis says ${thesisS} s.`;
  return {
    ...{ title, text, drawings: [renderLinePlot(addSeries(plot, overSim), "auto")] },
    table: {
      head: ["sample", "believed %", "correct %", "instant server, believed %", "OverSim %"],
      rows,
    },
    differences: [
      `Convergence, the end of the first sample of at least 95 %: ${showTimes(results)} here; ${firstConverged(anchor)} in OverSim.${thesis}`,
      `OverSim's bootstrap server answers at once, the thesis' and ours after a round trip, and learns of who has joined as much later: all that follows is later too. With one that answers at once, the sample farthest from OverSim's is that at ${(at + 1) * SAMPLE_S} s, by ${distances[at]!.toFixed(1)} points. ${reason}`.trim(),
    ],
  };
}

function addSeries(plot: ReturnType<typeof deliveryPlot>, more: Series) {
  return { ...plot, series: [...plot.series, more] };
}

function deliveries(
  results: Results,
  sample: number,
  key: "believedDelivery" | "correctDelivery",
): readonly number[] {
  return results.flatMap(({ samples }) => samples[sample]?.[key] ?? []);
}

function firstConverged({ deliveries }: Anchor): string {
  const at = deliveries.findIndex((one) => one >= CONVERGED);
  return at < 0 ? "never" : `${(at + 1) * SAMPLE_S} s`;
}

/** Convergence time over the size of the overlay (fig. 2.2). */
export function sizesChapter(findings: Findings): Chapter {
  const columns = (protocol: string): readonly (readonly [number, Results])[] =>
    [...findings].flatMap(([name, results]) => {
      const [of, nodes] = name.split(" ");
      return of === protocol && nodes !== undefined ? [[Number(nodes), results] as const] : [];
    });
  const [chord, kademlia] = [columns("chord"), columns("kademlia")];
  const series = (name: string, all: typeof chord): Series => ({
    name,
    points: pointsOf(all.map(([nodes, results]) => [nodes, timesOf(results)])),
  });
  const exact = (x: number, y: number) => ({ x, y, low: y, high: y });
  const plot = renderLinePlot(
    {
      ...{ title: "convergence time over nodes", xLabel: "nodes", yLabel: "convergence time (s)" },
      ...{ xScale: "log", xHas: [1000, 100_000], yHas: [0], mark: null },
      series: [
        series("Chord", chord),
        series("Kademlia", kademlia),
        {
          name: "thesis, Chord (two values of its text)",
          points: [exact(10_000, THESIS.chord10k), exact(128_000, THESIS.chord128k)],
        },
        {
          name: "thesis, Kademlia (under)",
          points: [exact(1000, THESIS.kademlia), exact(128_000, THESIS.kademlia)],
        },
      ],
    },
    "auto",
  );
  const largest = chord.at(-1);
  return {
    title: "Figure 2.2: convergence time as the overlay doubles",
    text: [
      "Nodes arrive at 1,000 a second whatever their number; those above 60,000 are not all there.",
    ],
    drawings: [plot],
    table: {
      head: ["nodes", "Chord s", "Kademlia s"],
      rows: chord.map(([nodes, results]) => [
        nodes.toLocaleString("en"),
        showTimes(results),
        showTimes(kademlia.find(([other]) => other === nodes)?.[1] ?? []),
      ]),
    },
    differences: [
      `Kademlia: the thesis says under ${THESIS.kademlia} s at every size; here ${latest(kademlia)} s at most.`,
      largest === undefined
        ? ""
        : `Chord: the thesis says ${THESIS.chord10k} s at 10,000 nodes and ${THESIS.chord128k} s at 128,000; here ${showTimes(largest[1])} at ${largest[0].toLocaleString("en")}, the most of this report. While nodes arrive, delivery is at best 1 - J/t, J being the time that a JOIN takes and t the time since the first; so it is the time of a JOIN, not the size, that decides.`,
    ],
  };
}

function latest(columns: readonly (readonly [number, Results])[]): string {
  const all = columns.flatMap(([, results]) =>
    results.map(({ convergenceTimeS }) => convergenceTimeS ?? Infinity),
  );
  return all.length === 0 ? "-" : String(Math.max(...all));
}

/** Chord without aggressive join (fig. 2.5). */
export function intervalsChapter(findings: Findings): Chapter {
  const known = INTERVAL_ANCHORS.flatMap((anchor) => {
    const results = findings.get(anchor.name);
    return results === undefined ? [] : [{ ...anchor, results }];
  });
  const plot = deliveriesPlot("believed delivery without aggressive join", known);
  return {
    title: "Figure 2.5: Chord without aggressive join",
    text: [
      "Names are the times between two rounds of STABILIZE and of FIXFINGERS. Runs with 250 nodes are set beside OverSim, those with 1,000 beside the thesis.",
    ],
    drawings: [renderLinePlot(plot, "auto")],
    table: {
      head: ["scenario", "95 % believed at", "95 % correct at", "ring right at the end", "theirs"],
      rows: known.map(({ name, results, source, convergenceTimeS }) => [
        name,
        showTimes(results),
        showSeconds(results.map(({ samples }) => convergedAt(samples, "correctDelivery"))),
        percent(results.flatMap(({ samples }) => samples.at(-1)?.accuracy ?? [])) + " %",
        `${convergenceTimeS} s (${source})`,
      ]),
    },
    differences: [
      "The time to a believed delivery of 95 % differs much from seed to seed, and the thesis and OverSim have one run each. What hangs on the ring as trees routes its queries into the ring, where some node holds itself responsible long before it is the right one; believed delivery is there before the ring is. Correct delivery counts the right receivers only, and rises with the ring, by one node a round. Over ten seeds its means are within 15 % of all five anchors, those of believed delivery of three; OverSim's test application counts right receivers only unless it is told otherwise, so the thesis' figure may show correct delivery.",
    ],
  };
}

function timesOf(results: Results): readonly number[] {
  return results.flatMap(({ convergenceTimeS }) => convergenceTimeS ?? []);
}

function showTimes(results: Results): string {
  return showSeconds(results.map(({ convergenceTimeS }) => convergenceTimeS));
}

/** `15 s`, `15 to 20 s`, `15 s, 1 of 3 never`. */
export function showSeconds(times: readonly (number | null)[]): string {
  const known = times.filter((time) => time !== null);
  const never = times.length - known.length;
  if (known.length === 0) return times.length === 0 ? "-" : "never";
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const span = low === high ? `${low} s` : `${low} to ${high} s`;
  return never === 0 ? span : `${span}, ${never} of ${times.length} never`;
}

function percent(values: readonly number[]): string {
  const interval = meanInterval(values);
  if (interval === null) return "-";
  const { mean, high, count } = interval;
  const half = count === 1 ? "" : ` ± ${((high - mean) * 100).toFixed(1)}`;
  return `${(mean * 100).toFixed(1)}${half}`;
}

export function seedsOf(results: Results): string {
  return results.length === 1 ? "one seed" : `${results.length} seeds`;
}
