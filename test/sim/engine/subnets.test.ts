import { describe, expect, it } from "vitest";
import { CHORD } from "../../../sim/chord/chord.ts";
import { LOST, Network, NS_PER_MS, NS_PER_S } from "../../../sim/engine/delay.ts";
import { ABSENT } from "../../../sim/engine/node-states.ts";
import { RecordStore } from "../../../sim/engine/record-store.ts";
import { Simulation, type Outcome, type ProtocolFactory } from "../../../sim/engine/simulation.ts";
import { createSubnets, meanNodes, SubnetDelays, Subnets } from "../../../sim/engine/subnets.ts";
import { KADEMLIA } from "../../../sim/kademlia/kademlia.ts";
import type { Scenario } from "../../../sim/scenario/scenario.ts";
import { scenarioOf } from "../scenarios.ts";

const { churn, delay, hosts, kademlia, records, workload } = scenarioOf();
const SKEWED = { ...hosts, perSubnet: 4, sizes: "skewed" as const };
const SIZES = Uint8Array.of(1, 2, 16, 5);

describe("a subnet", () => {
  it.each([
    [0, [1, 1, 1, 1]],
    [0.25, [1, 1, 4, 1]],
    [0.5, [1, 1, 8, 3]],
    [1, [1, 2, 16, 5]],
    [2, [2, 4, 32, 10]],
  ])("is so many nodes as its hosts times %d are, and at least one", (virtualNodes, counts) => {
    const subnets = new Subnets(SIZES, virtualNodes, false);
    expect(counts.map((_, subnet) => subnets.nodesOf(subnet).length)).toEqual(counts);
    expect(subnets.nodes).toBe(counts.reduce((sum, count) => sum + count));
    const nodes = counts.flatMap((_, subnet) => subnets.nodesOf(subnet));
    expect(nodes).toEqual(nodes.map((_, node) => node));
    for (const [subnet] of counts.entries()) {
      const [first, ...others] = subnets.nodesOf(subnet);
      expect(subnets.isFirst(first!)).toBe(true);
      for (const node of others) expect(subnets.isFirst(node)).toBe(false);
      for (const node of subnets.nodesOf(subnet)) expect(subnets.subnetOf(node)).toBe(subnet);
    }
  });

  it("asks as often however many nodes it has, or as often as its hosts do together", () => {
    const pace = (virtualNodes: number, isByHost: boolean): readonly number[] => {
      const subnets = new Subnets(SIZES, virtualNodes, isByHost);
      return [...SIZES].map((_, subnet) =>
        subnets.nodesOf(subnet).reduce((sum, node) => sum + subnets.paceOf(node), 0),
      );
    };
    for (const virtualNodes of [0, 0.25, 4]) {
      for (const one of pace(virtualNodes, false)) expect(one).toBeCloseTo(1);
      for (const [subnet, one] of pace(virtualNodes, true).entries())
        expect(one).toBeCloseTo(SIZES[subnet]!);
    }
  });

  it("is named once by the first of its nodes", () => {
    const subnets = new Subnets(SIZES, 1, false);
    expect(subnets.oneEach([4, 2, 18, 3, 1, 0])).toEqual([4, 2, 0]);
    expect(subnets.oneEach([4, 18, 19, 2, 20])).toEqual([4, 19, 2]);
  });

  it("has as many nodes on average as is reckoned with", () => {
    const scenario = scenarioOf({ nodes: 20_000, hosts: { ...SKEWED, virtualNodes: 0.5 } });
    const subnets = createSubnets(scenario);
    expect(subnets.nodes / subnets.count / meanNodes(scenario.hosts)).toBeCloseTo(1, 1);
  });

  it("is in one place and on one side with all of its nodes, whose messages are lost apart", () => {
    const subnets = new Subnets(SIZES, 1, false);
    const delays = (changes: Partial<Scenario["delay"]>): SubnetDelays =>
      new SubnetDelays(new Network({ ...delay, jitter: 0, ...changes }, 1, 4), subnets);
    const plane = delays({ model: "coordinates" });
    const between = new Set(
      [1, 2].flatMap((a) => [3, 9, 18].map((b) => plane.delayNs(a, b, 0, 0))),
    );
    expect(between.size).toBe(1);
    expect(plane.delayNs(1, 19, 0, 0)).not.toBe(plane.delayNs(1, 3, 0, 0));
    const parted = delays({ partitions: [{ fromS: 0, toS: 9, share: 0.5 }] });
    for (const node of subnets.nodesOf(2)) {
      expect(parted.delayNs(1, node, 0, NS_PER_S)).toBe(LOST);
      expect(parted.delayNs(node, 20, 0, NS_PER_S)).toBe(50 * NS_PER_MS);
    }
    const lossy = delays({ loss: 0.5 });
    const isLost = (node: number): readonly boolean[] =>
      Array.from({ length: 64 }, (_, sequence) => lossy.delayNs(node, 0, sequence, 0) === LOST);
    expect(isLost(3)).not.toEqual(isLost(4));
  });

  it("keeps a record once, which the node that was told last looks after", () => {
    const subnets = new Subnets(SIZES, 1, false);
    const store = new RecordStore(2, 7, subnets, (subnet) => 2 ** subnets.sizeOf(subnet) - 1);
    const [first, second] = [4, 9];
    store.keep(first, 5);
    store.keep(second, 5);
    expect(store.countOf(2)).toBe(1);
    expect(store.copiesByHost().reduce((sum, one) => sum + one)).toBe(2);
    expect([store.recordsOf(first), store.recordsOf(second)]).toEqual([[], [5]]);
    expect(store.giveUp(second, 5)).toBe(false);
    store.adopt(first, 5);
    expect(store.recordsOf(first)).toEqual([5]);
    expect(store.giveUp(first, 5)).toBe(false); // it was not noted of this one before
    expect(store.giveUp(first, 5)).toBe(true);
    expect(store.countOf(2)).toBe(0);
  });
});

describe.each([
  ["Kademlia", KADEMLIA, "kademlia" as const],
  ["Chord", CHORD, "chord" as const],
])("unequal subnets in %s", (_name, protocol: ProtocolFactory, name) => {
  function simulate(changes: Partial<Scenario>): { outcome: Outcome; simulation: Simulation } {
    const scenario = scenarioOf({
      ...{ protocol: name, kind: "load", nodes: 100, rate: 50, durationS: 120 },
      kademlia: { ...kademlia, isExhaustive: true, alpha: 3 },
      workload: { ...workload, by: "host", queryIntervalS: 4 },
      records: { ...records, count: 2000, copies: 1, putAtS: 45, getIntervalS: 8 },
      ...changes,
    });
    const parts = { scenario, protocol, matrix: [], churnTrace: [], trace: undefined };
    const simulation = new Simulation(parts);
    for (const _ of simulation.run());
    return { outcome: simulation.outcome(), simulation };
  }

  const plain = simulate({ hosts: SKEWED }).outcome;
  const several = simulate({ hosts: { ...SKEWED, virtualNodes: 1 } }).outcome;
  const hostsOf = (scenario: Parameters<typeof createSubnets>[0]): number => {
    const subnets = createSubnets(scenario);
    return Array.from({ length: subnets.count }, (_, i) => subnets.sizeOf(i)).reduce(
      (a, b) => a + b,
    );
  };

  it("load their hosts alike once they are as many nodes as they have hosts", () => {
    expect(plain.records!.kept.gini).toBeGreaterThan(0.42);
    expect(several.records!.kept.gini).toBeLessThan(0.27);
    expect(plain.load.gini).toBeGreaterThan(0.28);
    expect(several.load.gini).toBeLessThan(0.17);
  });

  it("send and change more in tables then, and find what they keep all the same", () => {
    const sum = ({ samples }: Outcome, key: "messages" | "tableChanges"): number =>
      samples.reduce((total, sample) => total + sample[key], 0);
    for (const key of ["messages", "tableChanges"] as const)
      expect(sum(several, key)).toBeGreaterThan(1.1 * sum(plain, key));
    expect(several.records!.failedGets).toBe(0);
    expect(several.samples.at(-1)!.accuracy).toBe(1);
    expect(several.samples.at(-1)!.joined).toBe(hostsOf(several.scenario));
  });

  it("ask as often as their hosts do, or as subnets do, however many nodes they are", () => {
    const gets = (outcome: Outcome): number => outcome.records!.gets;
    expect(gets(several) / gets(plain)).toBeCloseTo(1, 1);
    const bySubnet = simulate({ hosts: SKEWED, workload }).outcome;
    const each = hostsOf(plain.scenario) / plain.scenario.nodes;
    expect(each).toBeGreaterThan(2);
    expect(gets(plain) / gets(bySubnet) / each).toBeCloseTo(1, 1);
  });

  it("keep each record in as many subnets as it has replicas, never twice in one", () => {
    for (const { scenario, records: found } of [plain, several]) {
      expect(found!.put).toBe(2000);
      expect(found!.kept.mean * hostsOf(scenario)).toBeCloseTo(2000 * 3, 6);
    }
    // A subnet of 16 hosts among five: its nodes are the nearest to most keys.
    const few = simulate({ nodes: 5, hosts: { ...SKEWED, virtualNodes: 4 } }).outcome;
    expect(few.records!.kept.mean * hostsOf(few.scenario)).toBeCloseTo(2000 * 3, 6);
  });

  it("come and go with all of their nodes, and are the same for the same seed", () => {
    const busy = {
      ...{ nodes: 60, durationS: 90 },
      hosts: { ...SKEWED, virtualNodes: 1 },
      churn: { ...churn, model: "exponential" as const, sessionS: 60, absenceS: 30, startS: 20 },
    };
    const { outcome, simulation } = simulate(busy);
    const subnets = createSubnets(outcome.scenario);
    let absent = 0;
    for (let subnet = 0; subnet < subnets.count; subnet++) {
      const states = subnets
        .nodesOf(subnet)
        .map((node) => simulation.partition.stateOf(node) === ABSENT);
      expect(new Set(states).size).toBe(1);
      if (states[0]) absent++;
    }
    expect(absent).toBeGreaterThan(5);
    expect(outcome.samples.at(-1)!.believedDelivery).toBeGreaterThan(0.6);
    expect(simulate(busy).outcome).toEqual(outcome);
  });
});
