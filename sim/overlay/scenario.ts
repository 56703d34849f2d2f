/**
 * What happens in a run, drawn from its seed: how many links and hosts, how bad the network and the
 * clocks are, and which faults strike when.
 */
import { createRandom, type Random } from "../../platform/random.ts";
import type { ClockError } from "./host-time.ts";
import type { Trouble } from "./network.ts";

export const FAULTS = [
  /** The process of a host is killed; its disk stays, and it starts again. */
  "kill",
  /** A host's power goes, without a word to anybody; what was not synced is gone. */
  "power",
  /** All hosts of a link lose power together. */
  "blackout",
  /** A host leaves in good order, and comes back. */
  "leave",
  /** A host leaves in good order, for good; a new one comes to its link. */
  "retire",
  /** A link is cut in two; both halves still reach the others. */
  "cut",
  /** Two links do not reach each other. */
  "part",
  /** Multicast is lost and doubled, streams stall, everything is slow. */
  "storm",
  /** A host does nothing for a while, as a stopped process or a machine asleep, and knows nothing of it. */
  "pause",
] as const;

export type FaultType = (typeof FAULTS)[number];

/** One fault; what it strikes is drawn when it strikes, among what is there then. */
export interface FaultPlan {
  readonly type: FaultType;
  readonly atMs: number;
  readonly durationMs: number;
  readonly seed: number;
}

export interface Scenario {
  readonly seed: number;
  /** Hosts of each link. */
  readonly hosts: readonly number[];
  /** When each host of a link starts, in order. */
  readonly startMs: readonly (readonly number[])[];
  /** Links that are cut in two while their hosts start. */
  readonly cutAtStart: readonly number[];
  readonly replicas: number;
  readonly clockErrors: readonly ClockError[];
  readonly always: Trouble;
  readonly storm: Trouble;
  readonly faults: readonly FaultPlan[];
  /** When faults and work end. */
  readonly calmAtMs: number;
}

/** Faults do not begin before subnets had time to form. */
export const FORMED_AT_MS = 25_000;
const CHAOS_MIN_MS = 60_000;
const CHAOS_MAX_MS = 110_000;
const CUT_AT_START_SHARE = 0.4;
const CLOCKS_DRAWN = 64;
const AHEAD_MAX_MS = 120_000;
const GAIN_MAX = 0.000_2;

export function drawScenario(seed: number, types: readonly FaultType[] = FAULTS): Scenario {
  const random = createRandom(seed);
  const links = 2 + random.below(3);
  const hosts = Array.from({ length: links }, () => 1 + random.below(3));
  const startMs = hosts.map((count) => {
    const together = random.next() < 0.5 ? 300 : 3_000;
    return Array.from({ length: count }, () => random.between(0, together));
  });
  const isCut = (link: number): boolean =>
    hosts[link]! > 1 && random.next() < CUT_AT_START_SHARE && types.includes("cut");
  const always: Trouble = {
    multicastLoss: random.pick([0, 0.05, 0.2])!,
    duplicates: random.pick([0, 0.1])!,
    frameLoss: random.pick([0, 0.01, 0.05])!,
    linkDelayMaxMs: random.between(1, 5),
    wideDelayMaxMs: random.between(15, 120),
  };
  const calmAtMs = FORMED_AT_MS + random.between(CHAOS_MIN_MS, CHAOS_MAX_MS);
  return {
    seed,
    hosts,
    startMs,
    cutAtStart: hosts.flatMap((_, link) => (isCut(link) ? [link] : [])),
    replicas: random.pick([2, 3, 3])!,
    clockErrors: Array.from({ length: CLOCKS_DRAWN }, () => ({
      aheadMs: Math.round(random.between(-AHEAD_MAX_MS, AHEAD_MAX_MS)),
      gain: random.between(-GAIN_MAX, GAIN_MAX),
    })),
    always,
    storm: {
      multicastLoss: 0.4,
      duplicates: 0.2,
      frameLoss: 0.25,
      linkDelayMaxMs: 60,
      wideDelayMaxMs: 400,
    },
    faults: drawFaults(random, types, calmAtMs),
    calmAtMs,
  };
}

/** Two or three kinds a run, as a swarm has it: each run is good at something else. */
function drawFaults(random: Random, types: readonly FaultType[], untilMs: number): FaultPlan[] {
  const kinds = random.shuffle(types).slice(0, 2 + random.below(3));
  const faults: FaultPlan[] = [];
  let atMs = FORMED_AT_MS + random.between(0, 8_000);
  while (atMs < untilMs && kinds.length > 0) {
    faults.push({
      type: random.pick(kinds)!,
      atMs,
      durationMs: Math.min(untilMs - atMs, random.between(1_500, 25_000)),
      seed: random.below(2 ** 32),
    });
    atMs += random.between(1_000, 16_000);
  }
  return faults;
}
