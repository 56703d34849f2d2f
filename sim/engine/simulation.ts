/**
 * A whole run: windows as long as the least delay, between which the directory is brought up to date.
 */
import type { Percentiles, Sample, SimulationResult, Traffic } from "../results/result.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { type Adversary, chooseLiars, createAdversary, moveToVictim } from "./adversary.ts";
import { arrivalTimes } from "./arrivals.ts";
import { Network, NS_PER_S } from "./delay.ts";
import { draw, STREAM, streamKey } from "./dice.ts";
import { Directory, rankNodes } from "./directory.ts";
import type { Notes } from "./mailbox.ts";
import { ABSENT } from "./node-states.ts";
import { ENGINE_TYPE_NAMES } from "./engine-types.ts";
import { Partition } from "./partition.ts";
import { COUNT, giniOf, type Probes, TYPES } from "./probes.ts";
import { ANSWER, type NodeIds, type Outbox, type Protocol } from "./protocol.ts";
import { settleDeliveries, takeNotes, takeStock } from "./stock-taking.ts";
import type { Mail } from "./post.ts";
import { recordsResult, type RecordsFound } from "./records-found.ts";
import type { Trace, TraceHash } from "./trace-hash.ts";
import { convergedAt, isConverged } from "../results/convergence.ts";
import { scriptOf, type TraceLine } from "./script.ts";
import { createSubnets, SubnetDelays } from "./subnets.ts";

/** Others have a turn after so many simulated seconds, or events, whichever comes first. */
const TURN_S = 1;
const TURN_EVENTS = 200_000;

/** A protocol that can be simulated. */
export interface ProtocolFactory {
  /** Names of message types by their number, for statistics and traces. */
  readonly typeNames: ReadonlyMap<number, string>;
  /** Nodes that one message names, at most. */
  listMax(scenario: Scenario): number;
  create(parts: ProtocolParts): Protocol;
}

export interface ProtocolParts {
  readonly scenario: Scenario;
  readonly ids: NodeIds;
  readonly outbox: Outbox;
  /** Of this partition; `handle >> shift` is a node's row. */
  readonly rows: number;
  readonly shift: number;
  /** Undefined when everybody is honest. */
  readonly adversary: Adversary | undefined;
}

export interface SimulationParts {
  readonly scenario: Scenario;
  readonly protocol: ProtocolFactory;
  /** Contents of the files that the scenario names. */
  readonly matrix: readonly Float64Array[];
  readonly churnTrace: readonly TraceLine[];
  readonly trace: Trace | undefined;
}

/** What a run found, apart from what differs from machine to machine. */
export type Outcome = Omit<SimulationResult, "version" | "run">;

/** Ids of all nodes; with `shared` memory threads can read them together. */
export function createIds(seed: number, nodes: number): NodeIds {
  const memory = new SharedArrayBuffer(nodes * 8);
  const high = new Int32Array(memory, 0, nodes);
  const low = new Int32Array(memory, nodes * 4, nodes);
  const key = streamKey(seed, STREAM.id);
  for (let node = 0; node < nodes; node++) {
    high[node] = draw(key, node, 0);
    low[node] = draw(key, node, 1);
  }
  return { high, low };
}

/** What is the same for all partitions of a run. */
export interface World {
  readonly ids: NodeIds;
  /** Handles in the order of ids. */
  readonly ranked: Int32Array;
  readonly arrivals: Float64Array;
}

/** In shared memory. */
export function createWorld(scenario: Scenario): World {
  const { seed, churn } = scenario;
  const subnets = createSubnets(scenario);
  const { nodes } = subnets;
  const ids = createIds(seed, nodes);
  moveToVictim(scenario, ids, chooseLiars(scenario));
  const ranked = new Int32Array(new SharedArrayBuffer(nodes * 4));
  ranked.set(rankNodes(ids));
  const arrivals = new Float64Array(new SharedArrayBuffer(nodes * 8)).fill(Infinity);
  if (churn.model !== "trace") {
    const times = arrivalTimes(scenario);
    for (let node = 0; node < nodes; node++) arrivals[node] = times[subnets.subnetOf(node)]!;
  }
  return { ids, ranked, arrivals };
}

/** One partition of a run and what it needs of the others. */
export interface PartitionPlace {
  readonly index: number;
  readonly count: number;
  readonly mail: Mail | undefined;
}

const ALONE: PartitionPlace = { index: 0, count: 1, mail: undefined };

/** Swaps what partitions have to say at the end of a window. */
export interface Exchange {
  /**
   * Gives the others this one's changes and messages, waits for theirs and takes the messages in.
   *
   * @returns what the others have to say
   */
  swap(partition: Partition): Notes;
}

/** How far a run is when others have a turn. */
export interface Turn {
  readonly simulatedS: number;
  readonly events: number;
}

export class Simulation {
  readonly partition: Partition;
  readonly #scenario: Scenario;
  readonly #directory: Directory;
  readonly #leastNs: number;
  readonly #samples: number;
  readonly #typeNames: ReadonlyMap<number, string>;

  constructor(parts: SimulationParts, world = createWorld(parts.scenario), place = ALONE) {
    const { scenario, protocol, matrix, churnTrace, trace } = parts;
    this.#scenario = scenario;
    this.#typeNames = protocol.typeNames;
    const { nodes, seed, delay, churn } = scenario;
    const { ids, ranked, arrivals } = world;
    const adversary = createAdversary({ scenario, ids, ranked, arrivals });
    this.#directory = new Directory(ids, ranked);
    const subnets = createSubnets(scenario);
    const network = new Network(delay, seed, nodes, matrix);
    this.#leastNs = network.leastNs;
    this.#samples = samplesOf(scenario);
    this.partition = new Partition({
      ...{
        scenario,
        ids,
        arrivals,
        adversary,
        trace,
        network: subnets.areNodes ? network : new SubnetDelays(network, subnets),
        subnets,
        directory: this.#directory,
      },
      ...{ ...place, samples: this.#samples, script: scriptOf(churn, churnTrace) },
      listMax: protocol.listMax(scenario),
      createProtocol: (outbox, rows, shift) =>
        protocol.create({ scenario, ids, outbox, rows, shift, adversary }),
    });
  }

  /** Runs a while after the other; between two of them others have a turn. */
  *run(exchange?: Exchange): Generator<Turn> {
    const { sampleS } = this.#scenario;
    const { probes } = this.partition;
    for (let sample = 0; sample < this.#samples; sample++) {
      const endS = endOf(sample, this.#scenario);
      probes.enter(sample);
      for (let nowS = sample * sampleS; nowS < endS;) {
        const nextS = Math.min(endS, nowS + TURN_S);
        yield* this.#runUntil(nowS * NS_PER_S, nextS * NS_PER_S, exchange);
        nowS = nextS;
        if (nowS < endS) yield { simulatedS: nowS, events: probes.events };
      }
      takeStock(this.partition, this.#directory);
      yield { simulatedS: endS, events: probes.events };
    }
  }

  /** Of each node that is up to those that it knows. */
  *edges(): Generator<readonly [number, number]> {
    const { nodes, protocol } = this.partition;
    for (let row = 0; row < nodes.states.length; row++) {
      if (nodes.states[row] === ABSENT) continue;
      const node = this.partition.handleOf(row);
      for (const contact of protocol.contacts(node)) yield [node, contact];
    }
  }

  /** What this partition counted. */
  found(): Found {
    const { probes, hash } = this.partition;
    const typeNames = this.#typeNames;
    const { records } = this.partition;
    const found = records === undefined ? [] : [records.found()];
    return { probes, hash, handled: this.partition.loads(), typeNames, records: found };
  }

  outcome(): Outcome {
    return outcomeOf(this.#scenario, this.found());
  }

  *#runUntil(fromNs: number, endNs: number, exchange: Exchange | undefined): Generator<Turn> {
    const { partition } = this;
    const { probes } = partition;
    const directory = this.#directory;
    let seen = probes.events;
    for (let nowNs = fromNs; nowNs < endNs;) {
      nowNs = Math.min(endNs, nowNs + this.#leastNs);
      partition.run(nowNs);
      if (exchange !== undefined) takeNotes(exchange.swap(partition), partition, directory);
      takeNotes(partition, partition, directory);
      partition.changes.length = 0;
      partition.stored.length = 0;
      settleDeliveries(partition, directory);
      if (nowNs === endNs || probes.events - seen < TURN_EVENTS) continue;
      seen = probes.events;
      yield { simulatedS: nowNs / NS_PER_S, events: seen };
    }
  }
}

type Times = Pick<Scenario, "durationS" | "sampleS">;

/** 2.1 s have seven samples of 0.3 s, though 2.1 / 0.3 is a little more than 7. */
export function samplesOf({ durationS, sampleS }: Times): number {
  return Math.max(1, Math.ceil((durationS / sampleS) * (1 - 1e-12)));
}

/** In seconds; the last sample may be shorter than the others. */
function endOf(sample: number, times: Times): number {
  const isLast = sample + 1 === samplesOf(times);
  return isLast ? times.durationS : (sample + 1) * times.sampleS;
}

export interface Found {
  readonly probes: Probes;
  readonly hash: TraceHash;
  readonly handled: Float64Array;
  readonly typeNames: ReadonlyMap<number, string>;
  /** Of each partition; none where there are no records. */
  readonly records: readonly RecordsFound[];
}

export function outcomeOf(scenario: Scenario, found: Found): Outcome {
  const { probes, hash, handled, typeNames, records } = found;
  const samples = Array.from({ length: samplesOf(scenario) }, (_, sample) =>
    sampleOf(scenario, probes, sample),
  );
  const lastBad = samples.findLastIndex((sample) => !isConverged(sample, "believedDelivery"));
  const delivered = total(probes, samples.length, COUNT.delivered);
  const hops = total(probes, samples.length, COUNT.hops);
  const sum = handled.reduce((all, one) => all + one, 0);
  return {
    scenario,
    convergenceTimeS: convergedAt(samples, "believedDelivery"),
    permanentConvergenceTimeS: samples[lastBad + 1]?.timeS ?? null,
    samples,
    meanHops: delivered === 0 ? null : hops / delivered,
    latencyMs: percentilesOf(probes, 0, samples.length),
    traffic: trafficOf(probes, typeNames),
    load: {
      mean: handled.length === 0 ? 0 : sum / handled.length,
      highest: handled.reduce((most, one) => Math.max(most, one), 0),
      gini: giniOf(handled),
    },
    records: records.length === 0 ? null : recordsResult(records, probes),
    events: probes.events,
    traceHash: hash.text,
  };
}

function sampleOf(scenario: Scenario, probes: Probes, sample: number): Sample {
  const count = (column: number): number => probes.at(sample, column);
  const share = (part: number, all: number): number | null => (all === 0 ? null : part / all);
  return {
    timeS: endOf(sample, scenario),
    present: count(COUNT.present),
    joined: count(COUNT.joined),
    believedDelivery: share(count(COUNT.delivered), count(COUNT.sent)),
    correctDelivery: share(count(COUNT.correct), count(COUNT.sent)),
    meanHops: share(count(COUNT.hops), count(COUNT.delivered)),
    latencyMs: percentilesOf(probes, sample, sample + 1),
    messages: count(COUNT.messages),
    tableChanges: count(COUNT.changes),
    hostRetries: count(COUNT.retries),
    accuracy: share(count(COUNT.accurate), count(COUNT.joined)),
  };
}

function percentilesOf(probes: Probes, from: number, to: number): Percentiles | null {
  const p50 = probes.latencyMs(0.5, from, to);
  if (p50 === null) return null;
  return { p50, p90: probes.latencyMs(0.9, from, to)!, p99: probes.latencyMs(0.99, from, to)! };
}

function total(probes: Probes, samples: number, column: number): number {
  let sum = 0;
  for (let sample = 0; sample < samples; sample++) sum += probes.at(sample, column);
  return sum;
}

function trafficOf(probes: Probes, typeNames: ReadonlyMap<number, string>): readonly Traffic[] {
  const traffic: Traffic[] = [];
  for (let type = 0; type < TYPES; type++) {
    const name = ENGINE_TYPE_NAMES.get(type) ?? typeNames.get(type & ~ANSWER) ?? String(type);
    const full = (type & ANSWER) === 0 ? name : `${name} answer`;
    const note = (messages: number, bytes: number, isLan: boolean): void => {
      if (messages > 0) traffic.push({ type: full, messages, bytes, ...(isLan ? LAN : {}) });
    };
    note(probes.messages[type]!, probes.bytes[type]!, false);
    note(probes.lanMessages[type]!, probes.lanBytes[type]!, true);
  }
  return traffic;
}

const LAN = { class: "lan" } as const;
