/** What runs cost: CPU time against bars that scale with the bare queue of the same minute, and memory. */
import { createFigure } from "../../platform/bench/figure.ts";
import type { Figure } from "../../platform/bench/figure.ts";
import { ownScenario } from "../io/own-scenarios.ts";
import { OVERSIM } from "../results/anchors.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { REFERENCE_RATE } from "./section.ts";
import type { Measured, SimBench, SimSection } from "./section.ts";

const MB = 1e6;

/** What one run may cost. */
interface Bars {
  /** CPU seconds where the bare queue does its reference. */
  readonly cpuS: number;
  /** Null: memory is not looked at. */
  readonly rssMb: number | null;
  /** CPU seconds that OverSim took; null where nobody has run it. */
  readonly overSimCpuS: number | null;
}

/** `14.2 M/s bare queue, 0.71 M events/CPU-s`. */
export function describeRate({ result, queueRate }: Measured): string {
  const { cpuS } = result.run;
  return `bare queue ${(queueRate / 1e6).toFixed(1)} M/s; ${(result.events / 1e6).toFixed(1)} M events, ${(result.events / cpuS / 1e6).toFixed(2)} M a CPU-s`;
}

export function costFigures(
  section: string,
  name: string,
  measured: Measured,
  { cpuS, rssMb, overSimCpuS }: Bars,
): readonly Figure[] {
  const { run } = measured.result;
  const cpu = createFigure({
    ...{ section, name, unit: "CPU-s", n: 1, measured: run.cpuS },
    bar: (cpuS * REFERENCE_RATE) / measured.queueRate,
    note: describeRate(measured),
    baseline: overSimCpuS === null ? null : { what: `${name}: OverSim, CPU-s`, value: overSimCpuS },
  });
  if (rssMb === null) return [cpu];
  const memory = createFigure({
    ...{ section, name: `${name}: peak memory`, unit: "MB", n: 1 },
    ...{ measured: run.rssBytes / MB, bar: rssMb },
  });
  return [cpu, memory];
}

function costSection(
  about: Pick<SimSection, "name" | "summary" | "isLong">,
  runs: readonly {
    readonly name: string;
    readonly scenario: () => Promise<Scenario>;
    readonly bars: Bars;
  }[],
): SimSection {
  return {
    ...about,
    async run(bench) {
      const figures: Figure[] = [];
      for (const { name, scenario, bars } of runs)
        figures.push(...costFigures(about.name, name, await bench.measure(await scenario()), bars));
      return { figures, tables: [] };
    },
  };
}

const kademlia = costSection(
  { name: "kademlia", summary: "Kademlia, 10,000 nodes at 1,000/s, 25 s", isLong: false },
  [
    {
      name: "Kademlia 10,000",
      scenario: () => ownScenario("fig-2.1b"),
      bars: { cpuS: 4, rssMb: 150, overSimCpuS: OVERSIM.kademlia.cpuS },
    },
  ],
);

const exhaustive = costSection(
  { name: "exhaustive", summary: "the same with exhaustive lookups at joining", isLong: false },
  [
    {
      name: "Kademlia 10,000 exhaustive",
      scenario: () => ownScenario("exhaustive-join"),
      bars: { cpuS: 16, rssMb: null, overSimCpuS: OVERSIM.exhaustive.cpuS },
    },
  ],
);

const chord = costSection(
  { name: "chord", summary: "Chord, 10,000 nodes at 1,000/s, 30 s, aggressive", isLong: false },
  [
    {
      name: "Chord 10,000",
      scenario: () => ownScenario("fig-2.1a"),
      bars: { cpuS: 14, rssMb: 200, overSimCpuS: OVERSIM.chordNodes.cpuS },
    },
  ],
);

const slow = costSection(
  { name: "slow", summary: "Chord, 1,000 nodes, 4,500 s, not aggressive", isLong: true },
  [
    {
      name: "Chord 1,000, 4,500 s",
      scenario: () => ownScenario("fig-2.5-5-10", { durationS: 4500 }),
      bars: { cpuS: 240, rssMb: null, overSimCpuS: null },
    },
  ],
);

const large = costSection(
  { name: "large", summary: "128,000 nodes at 1,000/s, 60 s, both protocols", isLong: true },
  [
    {
      name: "Kademlia 128,000",
      scenario: () => ownScenario("fig-2.1b", { nodes: 128_000, durationS: 60 }),
      bars: { cpuS: 60, rssMb: 500, overSimCpuS: null },
    },
    {
      name: "Chord 128,000",
      scenario: () => ownScenario("fig-2.1a", { nodes: 128_000, durationS: 60 }),
      bars: { cpuS: 150, rssMb: 500, overSimCpuS: null },
    },
  ],
);

/** Events a CPU second with a million nodes, at least, over those with 10,000. */
const SPEED_KEPT_BAR = 0.2;
const MINUTE_S = 60;

const million: SimSection = {
  name: "million",
  summary: "Kademlia, 1,000,000 nodes at 50,000/s, 30 s, on two threads and on one",
  isLong: true,
  async run(bench) {
    const small = await bench.measure(await ownScenario("fig-2.1b"));
    const figures: Figure[] = [];
    for (const [threads, minutes] of [
      [2, 15],
      [1, 25],
    ] as const) {
      const scenario = await ownScenario("fig-2.1b", {
        ...{ nodes: 1_000_000, rate: 50_000, durationS: 30, threads },
      });
      figures.push(...millionFigures(threads, minutes, await bench.measure(scenario), small));
    }
    return { figures, tables: [] };
  },
};

function millionFigures(
  threads: number,
  minutes: number,
  measured: Measured,
  small: Measured,
): readonly Figure[] {
  const { result, queueRate } = measured;
  const section = million.name;
  const name = `1,000,000 on ${threads === 1 ? "one thread" : "two threads"}`;
  const bars = { cpuS: minutes * MINUTE_S, rssMb: 2500, overSimCpuS: null };
  const speed = (one: Measured): number => one.result.events / one.result.run.cpuS / one.queueRate;
  return [
    ...costFigures(section, name, measured, bars),
    createFigure({
      ...{ section, name: `${name}: wall time`, unit: "s", n: 1, measured: result.run.wallS },
      bar: (minutes * MINUTE_S * REFERENCE_RATE) / queueRate,
    }),
    createFigure({
      ...{
        section,
        name: `${name}: converges at`,
        unit: "s",
        n: 1,
        bar: result.scenario.durationS,
      },
      measured: result.convergenceTimeS ?? Infinity,
    }),
    createFigure({
      ...{ section, name: `${name}: events a CPU-s over those with 10,000`, unit: "x", n: 1 },
      ...{ sense: "at-least", bar: SPEED_KEPT_BAR, measured: speed(measured) / speed(small) },
      note: "each over the bare queue of its minute",
    }),
  ];
}

const QUEUE_BARS = [
  [20_000, 10],
  [1_000_000, 2],
] as const;

const queue: SimSection = {
  name: "queue",
  summary: "the bare queue: events taken out and put back, with so many pending",
  isLong: false,
  async run(bench: SimBench) {
    const figures: Figure[] = [];
    for (const [pending, bar] of QUEUE_BARS) {
      const name = `bare queue, ${pending.toLocaleString("en")} pending`;
      const measured = (await bench.queueRate(pending)) / 1e6;
      figures.push(
        createFigure({
          ...{ section: "queue", name, unit: "M/s", sense: "at-least", bar, measured, n: 5 },
          note: "median, a CPU second",
        }),
      );
    }
    return { figures, tables: [] };
  },
};

export const COST_SECTIONS: readonly SimSection[] = [queue, kademlia, exhaustive, chord];
export const LONG_COST_SECTIONS: readonly SimSection[] = [slow, large, million];
