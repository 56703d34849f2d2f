import { describe, expect, it } from "vitest";
import { CHORD } from "../../../sim/chord/chord.ts";
import { draw } from "../../../sim/engine/dice.ts";
import { NS_PER_S } from "../../../sim/engine/delay.ts";
import { Directory, rankNodes } from "../../../sim/engine/directory.ts";
import { TICK } from "../../../sim/engine/engine-types.ts";
import { NONE } from "../../../sim/engine/event-slab.ts";
import { JOINED } from "../../../sim/engine/node-states.ts";
import { RecordDesk } from "../../../sim/engine/record-desk.ts";
import {
  createIds,
  Simulation,
  type Outcome,
  type ProtocolFactory,
} from "../../../sim/engine/simulation.ts";
import { RecordStore } from "../../../sim/engine/record-store.ts";
import { createSubnets, Subnets } from "../../../sim/engine/subnets.ts";
import { KADEMLIA } from "../../../sim/kademlia/kademlia.ts";
import type { Scenario } from "../../../sim/scenario/scenario.ts";
import { scenarioOf } from "../scenarios.ts";

const { churn, hosts, kademlia, records, workload } = scenarioOf();
const ONE = new Subnets(Uint8Array.of(4), 0, false);
const BUSY = { ...churn, model: "exponential" as const, sessionS: 300, absenceS: 60, startS: 30 };

function run(changes: Partial<Scenario>, protocol: ProtocolFactory = KADEMLIA): Outcome {
  const scenario = scenarioOf({
    ...{ kind: "records", durationS: 120, nodes: 100, rate: 50 },
    kademlia: { ...kademlia, isExhaustive: true, alpha: 3 },
    workload: { ...workload, queryIntervalS: 0 },
    records: { ...records, count: 200, putAtS: 20, getIntervalS: 2 },
    ...changes,
  });
  const parts = { scenario, protocol, matrix: [], churnTrace: [], trace: undefined };
  const simulation = new Simulation(parts);
  for (const _ of simulation.run());
  return simulation.outcome();
}

describe("records", () => {
  it.each([
    ["Kademlia", KADEMLIA],
    ["Chord", CHORD],
  ])("are all put and found while nobody goes, each at three nodes of %s", (_name, protocol) => {
    const { put, gets, failedGets, unavailable, kept } = run({}, protocol).records!;
    expect(put).toBe(200);
    expect(gets).toBeGreaterThan(3000);
    expect(failedGets).toBe(0);
    expect(unavailable).toBe(0);
    expect(kept.mean).toBeCloseTo((200 * 3) / 100, 0);
  });

  it("are found where nodes are subnets whose hosts come and go, and missed where hosts are nodes", () => {
    const subnets = run({ nodes: 25, rate: 12, hosts: { ...hosts, perSubnet: 4 }, churn: BUSY });
    const plain = run({ churn: BUSY });
    const share = ({ gets, failedGets }: NonNullable<Outcome["records"]>): number =>
      failedGets / gets;
    expect(share(plain.records!)).toBeGreaterThan(0.01);
    expect(share(subnets.records!)).toBeLessThan(share(plain.records!) / 2);
    expect(subnets.records!.innerCopies).toBeGreaterThan(0);
  });

  it("are gone where whoever kept them fails for good, unless others repair it in time", () => {
    const massFailure = { atS: 60, share: 0.6 };
    const alone = { ...records, count: 200, putAtS: 20, replicas: 1 };
    const lost = run({ churn: { ...churn, massFailure }, records: alone }).records!;
    expect(lost.unavailable).toBeGreaterThan(80);
    const kept = run({ churn: { ...churn, massFailure } }).records!;
    expect(kept.unavailable).toBeLessThan(80);
    expect(kept.repairMessages).toBeGreaterThan(0);
  });

  it("are kept more evenly with two choices, at more messages", () => {
    const skewed = { ...hosts, perSubnet: 4, sizes: "skewed" as const };
    const placed = (placement: "plain" | "two-choices"): Outcome =>
      run({ nodes: 60, hosts: skewed, records: { ...records, count: 2000, copies: 1, placement } });
    const [plain, chosen] = [placed("plain"), placed("two-choices")];
    expect(chosen.records!.failedGets).toBe(0);
    expect(chosen.records!.kept.gini).toBeLessThan(plain.records!.kept.gini);
    const sent = ({ samples }: Outcome): number =>
      samples.reduce((sum, one) => sum + one.messages, 0);
    expect(sent(chosen)).toBeGreaterThan(sent(plain));
  });
});

describe("a get", () => {
  /** Node 1 gets the only record, which node 0 keeps; `meanwhile` the answer is under way. */
  function gets(meanwhile: (desk: RecordDesk) => void): number {
    const scenario = scenarioOf({ records: { ...records, count: 1, putAtS: 0, putSpreadS: 0 } });
    const ids = createIds(1, 2);
    const directory = new Directory(ids, rankNodes(ids));
    directory.set(0, true);
    const sent: (() => void)[] = [];
    const desk = new RecordDesk({
      ...{ scenario, directory, hosts: undefined, lan: undefined, stored: [] },
      subnets: createSubnets(scenario),
      outbox: {
        nowNs: 60 * NS_PER_S,
        send: (from, to, type, a, b, c) => sent.push(() => desk.onMessage(to, from, type, a, b, c)),
        after() {},
      },
      protocol: {
        lookup: (node, _high, _low, tag) => desk.onFound(node, tag, 0, 2),
        neighbours: (_node, _high, _low, _count, into) => {
          into[0] = 0;
          return 1;
        },
      },
      isOwn: () => true,
      stateOf: () => JOINED,
    });
    desk.putNext();
    desk.noteStored([0]);
    desk.onTimer(1, TICK.get, NONE);
    sent.shift()!();
    meanwhile(desk);
    sent.shift()!();
    const { hops, latenciesNs } = desk.found();
    expect(hops).toBe(3 * latenciesNs.length);
    return latenciesNs.length;
  }

  it("ends with its answer, unless that is for who the node was before", () => {
    expect(gets(() => {})).toBe(1);
    expect(gets((desk) => desk.begin(1))).toBe(0);
  });
});

describe("a node's records", () => {
  it("are at as many hosts as wanted, and are copied when one of them goes", () => {
    let live = 0b1111;
    const store = new RecordStore(2, 7, ONE, () => live);
    for (let record = 0; record < 50; record++) store.keep(0, record);
    const counts = (): number => store.copiesByHost().reduce((sum, one) => sum + one, 0);
    expect(counts()).toBe(100);
    live = 0b0111;
    expect(counts()).toBeLessThan(100);
    for (const [record, hosts] of store.missing(0)) store.keep(0, record, hosts);
    expect(counts()).toBe(100);
    live = 0b1000;
    const left = store.recordsOf(0).filter((record) => store.has(0, record)).length;
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(50);
  });

  it("are shared by its hosts alike, near to each other as their keys are", () => {
    const key = 7;
    const store = new RecordStore(1, key, ONE, () => 0b1111);
    // A node of the 16th part of the ring that its id is in.
    const isOwn = (record: number): boolean => draw(key, record, 0) >>> 28 === 7;
    for (let record = 0; record < 16_000; record++) if (isOwn(record)) store.keep(0, record);
    for (const count of store.copiesByHost()) {
      expect(count).toBeGreaterThan(200);
      expect(count).toBeLessThan(300);
    }
  });
});
