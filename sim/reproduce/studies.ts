/** The runs behind each figure of the thesis that is reproduced. */
import { ownScenario } from "../io/own-scenarios.ts";
import { AS_OVERSIM, INTERVAL_ANCHORS } from "../results/anchors.ts";
import type { SimulationResult } from "../results/result.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { pointKey } from "../sweep/sweep-plan.ts";
import type { SweepPoint } from "../sweep/sweep-plan.ts";

/** Runs that differ in their seed alone. */
export interface Study {
  /** `fig-2.1a`, `chord 1000`, … */
  readonly name: string;
  readonly points: readonly SweepPoint[];
}

/** One that OverSim has run too. */
export interface Compared {
  readonly study: Study;
  /** The same with a bootstrap server that answers at once, as OverSim's. */
  readonly alike: Study;
}

export interface Studies {
  readonly chord: Compared;
  /** Queries for ids of nodes instead of random keys. */
  readonly chordNodes: Compared;
  readonly kademlia: Compared;
  readonly exhaustive: Compared;
  /** By protocol and size, as `chord 1000`. */
  readonly sizes: readonly Study[];
  /** Named as their anchors are. */
  readonly intervals: readonly Study[];
}

/** What was found for each study that has results. */
export type Findings = ReadonlyMap<string, readonly SimulationResult[]>;

const SIZES = [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000];
const SIZES_DURATION_S = 60;
/** Of a minute's version. */
const QUICK_SIZES = [1000, 2000, 4000, 8000];
const QUICK_SIZES_DURATION_S = 25;
const QUICK_SEEDS = 2;
const QUICK_INTERVALS = new Set(["250 nodes, 1/2 s"]);

export interface StudySettings {
  readonly isQuick: boolean;
  /** Null: 10, or 2 of a quick one. */
  readonly seeds: number | null;
  readonly version: string;
}

const SEEDS = 10;

export async function planStudies(settings: StudySettings): Promise<Studies> {
  const { isQuick } = settings;
  const count = settings.seeds ?? (isQuick ? QUICK_SEEDS : SEEDS);
  const study = async (
    name: string,
    file: string,
    changes: Readonly<Record<string, unknown>> = {},
  ): Promise<Study> => {
    const seeds = Array.from({ length: count }, (_, i) => i + 1);
    const scenarios = await Promise.all(
      seeds.map((seed) => ownScenario(file, { ...changes, seed })),
    );
    return { name, points: scenarios.map((one) => pointOf(name, one, settings.version)) };
  };
  const compared = async (
    name: string,
    file: string,
    changes: Readonly<Record<string, unknown>> = {},
  ): Promise<Compared> => {
    const alike = { ...changes, ...AS_OVERSIM };
    return {
      study: await study(name, file, changes),
      alike: await study(`${name}, instant server`, file, alike),
    };
  };
  const durationS = isQuick ? QUICK_SIZES_DURATION_S : SIZES_DURATION_S;
  return {
    chord: await compared("fig-2.1a", "fig-2.1a"),
    chordNodes: await compared("fig-2.1a, ids of nodes", "fig-2.1a", { "workload.target": "node" }),
    kademlia: await compared("fig-2.1b", "fig-2.1b"),
    exhaustive: await compared("exhaustive", "exhaustive-join"),
    sizes: await Promise.all(
      (isQuick ? QUICK_SIZES : SIZES).flatMap((nodes) => [
        study(`chord ${nodes}`, "fig-2.1a", { nodes, durationS }),
        study(`kademlia ${nodes}`, "fig-2.1b", { nodes, durationS }),
      ]),
    ),
    intervals: await Promise.all(
      INTERVAL_ANCHORS.filter(({ name }) => !isQuick || QUICK_INTERVALS.has(name)).map((one) =>
        study(one.name, one.scenario, one.changes),
      ),
    ),
  };
}

/** All of them, the short ones first. */
export function studiesOf(studies: Studies): readonly Study[] {
  const { chord, chordNodes, kademlia, exhaustive, sizes, intervals } = studies;
  const compared = [kademlia, chord, chordNodes, exhaustive];
  return [...compared.flatMap(({ study, alike }) => [study, alike]), ...sizes, ...intervals];
}

function pointOf(label: string, scenario: Scenario, version: string): SweepPoint {
  return { key: pointKey(scenario, version), label, scenario };
}
