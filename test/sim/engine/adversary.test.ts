import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chooseLiars, createAdversary, moveToVictim } from "../../../sim/engine/adversary.ts";
import { CHORD } from "../../../sim/chord/chord.ts";
import { Directory, rankNodes } from "../../../sim/engine/directory.ts";
import { NONE } from "../../../sim/engine/event-slab.ts";
import { createIds, type ProtocolFactory } from "../../../sim/engine/simulation.ts";
import { KADEMLIA } from "../../../sim/kademlia/kademlia.ts";
import { Simulation, type Outcome } from "../../../sim/engine/simulation.ts";
import type { AdversaryScenario, Scenario } from "../../../sim/scenario/scenario.ts";
import { scenarioOf } from "../scenarios.ts";

const { adversary: honest, kademlia, workload: usual } = scenarioOf();
const NODES = 400;

function sceneOf(adversary: Partial<AdversaryScenario>, changes: Partial<Scenario> = {}): Scenario {
  return scenarioOf({ nodes: NODES, adversary: { ...honest, ...adversary }, ...changes });
}

function run(scenario: Scenario, protocol: ProtocolFactory = KADEMLIA): Outcome {
  const parts = { scenario, protocol, matrix: [], churnTrace: [], trace: undefined };
  const simulation = new Simulation(parts);
  for (const _ of simulation.run());
  return simulation.outcome();
}

describe("the adversary", () => {
  it("has its share of the nodes, neither the first nor its victim among them", () => {
    const liars = chooseLiars(sceneOf({ kind: "sybil", share: 0.3, victim: 7 }));
    const count = liars.reduce((sum, one) => sum + one, 0);
    expect(count / NODES).toBeGreaterThan(0.22);
    expect(count / NODES).toBeLessThan(0.38);
    const all = chooseLiars(sceneOf({ kind: "eclipse", share: 1, victim: 7 }));
    expect([...all.keys()].filter((node) => all[node] === 0)).toEqual([0, 7]);
    expect(chooseLiars(sceneOf({ kind: "none", share: 1 }))).toEqual(new Uint8Array(NODES));
  });

  it("moves close to its victim, and so does nobody else", () => {
    const scenario = sceneOf({ kind: "eclipse", share: 0.2, victim: 7, prefixBits: 12 });
    const [before, ids] = [createIds(1, NODES), createIds(1, NODES)];
    const liars = chooseLiars(scenario);
    moveToVictim(scenario, ids, liars);
    for (let node = 0; node < NODES; node++) {
      const isNear = (ids.high[node]! ^ ids.high[7]!) >>> 20 === 0;
      if (liars[node] === 1) expect(isNear).toBe(true);
      else expect(ids.high[node]).toBe(before.high[node]);
    }
  });

  it("names the nearest of its own that are there, as a search through all of them does", () => {
    const given = fc.record({ key: fc.integer(), wanted: fc.integer({ min: 1, max: 20 }) });
    const scenario = sceneOf({ kind: "sybil", share: 0.25 });
    const ids = createIds(1, NODES);
    const arrivals = new Float64Array(NODES);
    const adversary = createAdversary({ scenario, ids, ranked: rankNodes(ids), arrivals })!;
    const liars = [...ids.high.keys()].filter((node) => adversary.isLiar(node));
    fc.assert(
      fc.property(given, ({ key, wanted }) => {
        const offered: number[] = [];
        adversary.offerNearest(key, wanted, 0, { offer: (node) => offered.push(node) });
        const distance = (node: number): number => (ids.high[node]! ^ key) >>> 0;
        const nearest = (nodes: readonly number[]): readonly number[] =>
          nodes.toSorted((a, b) => distance(a) - distance(b)).slice(0, wanted);
        expect(nearest(offered)).toEqual(nearest(liars));
        expect(new Set(offered).size).toBe(offered.length);
      }),
    );
    arrivals.fill(5);
    adversary.offerNearest(0, 20, 4, { offer: () => expect.unreachable("nobody is there yet") });
  });
});

describe("the adversary of a ring", () => {
  it("names the first of its own that is there and comes after a key", () => {
    const scenario = sceneOf({ kind: "sybil", share: 0.25 });
    const ids = createIds(1, NODES);
    const ranked = rankNodes(ids);
    const arrivals = new Float64Array(NODES).map((_, node) => node);
    const adversary = createAdversary({ scenario, ids, ranked, arrivals })!;
    const there = new Directory(ids, ranked);
    expect(adversary.ringOwner(0, 0, 0)).toBe(NONE);
    for (let node = 0; node < NODES; node++) {
      if (adversary.isLiar(node)) there.set(node, true);
      for (const key of [0, 1, node << 23, ids.high[node]!])
        expect(adversary.ringOwner(key, 0, node)).toBe(there.ringOwner(key, 0));
    }
  });

  const scene = { protocol: "chord" as const, rate: 40, durationS: 40 };
  const workload = { ...usual, queryIntervalS: 2, target: "node" as const };
  const late = ({ samples }: Outcome): readonly number[] =>
    samples.slice(3).map((sample) => sample.correctDelivery!);

  it("has most lookups after as many rounds of FIXFINGERS, since fingers are what lookups found", () => {
    const sybil = { kind: "sybil" as const, share: 0.2, fromS: 20 };
    const [before, first, ...rest] = late(run(sceneOf(sybil, { ...scene, workload }), CHORD));
    expect(before).toBeGreaterThan(0.95);
    expect(first).toBeLessThan(0.7);
    expect(rest.at(-1)).toBeLessThan(0.15);
    expect(rest).toEqual(rest.toSorted((a, b) => b - a));
    const honestly = { ...sybil, share: 0 };
    for (const correct of late(run(sceneOf(honestly, { ...scene, workload }), CHORD)))
      expect(correct).toBeGreaterThan(0.95);
  });

  it("takes lookups of a victim's id, and only those, when it sits around it", () => {
    const eclipse = { kind: "eclipse" as const, share: 0.1, victim: 200, prefixBits: 8, fromS: 20 };
    const victim = { ...workload, target: "victim" as const };
    expect(late(run(sceneOf(eclipse, { ...scene, workload: victim }), CHORD)).at(-1)).toBeLessThan(
      0.3,
    );
    expect(late(run(sceneOf(eclipse, { ...scene, workload }), CHORD)).at(-1)).toBeGreaterThan(0.8);
  });
});

describe("lookups among liars", () => {
  const settings = { ...kademlia, isExhaustive: true };
  const workload = { ...usual, queryIntervalS: 2, target: "node" as const };
  const correct = ({ samples }: Outcome): number => samples.at(-1)!.correctDelivery!;

  function sybil(fromS: number, changes: Partial<Scenario["kademlia"]>): Outcome {
    const adversary = { kind: "sybil" as const, share: 0.3, fromS };
    const rest = { rate: 40, durationS: 25, workload, kademlia: { ...settings, ...changes } };
    return run(sceneOf(adversary, rest));
  }

  it("fail on one path, and on several when the most frequent answer counts, but not the nearest", () => {
    const one = correct(sybil(15, {}));
    const frequent = correct(sybil(15, { disjointPaths: 8 }));
    const nearest = correct(sybil(15, { disjointPaths: 8, pathVerdict: "nearest" }));
    expect(one).toBeLessThan(0.85);
    expect(frequent).toBeLessThan(0.85);
    expect(nearest).toBeGreaterThan(0.95);
  });

  it("fail although paths are disjoint when the liars were there before the tables were", () => {
    const poisoned = sybil(0, { disjointPaths: 8, pathVerdict: "nearest" });
    expect(correct(poisoned)).toBeLessThan(0.9);
    const { believedDelivery } = poisoned.samples.at(-1)!;
    expect(believedDelivery! - correct(poisoned)).toBeGreaterThan(0.05);
  });

  it("for a victim whose neighbours are liars mostly fail", () => {
    const eclipse = (share: number): number => {
      const adversary = { kind: "eclipse" as const, share, victim: 200, prefixBits: 8 };
      const target = { ...workload, target: "victim" as const };
      const rest = { rate: 40, durationS: 25, workload: target, kademlia: settings };
      return correct(run(sceneOf(adversary, rest)));
    };
    expect(eclipse(0)).toBeGreaterThan(0.95);
    expect(eclipse(0.1)).toBeLessThan(0.5);
  });
});
