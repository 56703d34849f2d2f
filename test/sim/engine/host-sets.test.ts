import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NONE } from "../../../sim/engine/event-slab.ts";
import { HostSets } from "../../../sim/engine/host-sets.ts";
import { Lists } from "../../../sim/engine/lists.ts";
import { NodePairs } from "../../../sim/engine/node-pairs.ts";
import { Subnets } from "../../../sim/engine/subnets.ts";
import { Simulation, type Outcome } from "../../../sim/engine/simulation.ts";
import { KADEMLIA } from "../../../sim/kademlia/kademlia.ts";
import type { Scenario } from "../../../sim/scenario/scenario.ts";
import { scenarioOf } from "../scenarios.ts";

const SETTINGS = { ...scenarioOf().hosts, perSubnet: 4 };
const lists = new Lists(4, true);

/** Hosts that node 1 would ask of node 2, one after the other. */
function asked(sets: HostSets): readonly number[] {
  const hosts: number[] = [];
  for (let tried = 0; ;) {
    const word = sets.address(1, 2, 0, tried);
    if (word === NONE) return hosts.toSorted((a, b) => a - b);
    hosts.push(sets.hostOf(word));
    tried |= 1 << sets.hostOf(word);
  }
}

function setsOf(): HostSets {
  const sets = new HostSets(new Subnets(new Uint8Array(4).fill(4), 0, false), 1);
  for (const node of [1, 2, 3]) sets.begin(node);
  return sets;
}

describe("host sets", () => {
  it("have every host of a node tried once, and then none", () => {
    expect(asked(setsOf())).toEqual([0, 1, 2, 3]);
  });

  it("are those that a node heard of, until it hears of a later one", () => {
    const sets = setsOf();
    sets.learn(1, 2, sets.address(2, 1, 0, 0), lists, NONE);
    sets.set(2, 3, false);
    sets.say(2);
    expect(asked(sets)).toEqual([0, 1, 2, 3]);
    const late = sets.address(2, 1, 0, 0);
    sets.learn(1, 2, late, lists, NONE);
    expect(asked(sets)).toEqual([0, 1, 2]);
    sets.set(2, 3, true);
    sets.say(2);
    sets.learn(1, 2, sets.address(2, 1, 0, 0), lists, NONE);
    sets.learn(1, 2, late, lists, NONE);
    expect(asked(sets)).toEqual([0, 1, 2, 3]);
  });

  it("are passed on by whoever names a node", () => {
    const sets = setsOf();
    sets.learn(1, 2, sets.address(2, 1, 0, 0), lists, NONE);
    sets.set(2, 0, false);
    sets.say(2);
    sets.learn(3, 2, sets.address(2, 3, 0, 0), lists, NONE);
    const list = lists.take();
    lists.words.set([1, 2], list * lists.width);
    sets.describe(3, lists, list);
    sets.learn(1, 3, sets.address(3, 1, 0, 0), lists, list);
    expect(asked(sets)).toEqual([1, 2, 3]);
  });
});

describe("numbers of pairs", () => {
  it("are those of a map", () => {
    const step = fc.tuple(fc.nat(40), fc.nat(40), fc.integer({ min: 1 }), fc.nat(30));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 3000 }), (steps) => {
        const pairs = new NodePairs();
        const map = new Map<string, number>();
        for (const [node, other, value, drop] of steps) {
          pairs.set(node, other, value);
          map.set(`${node} ${other}`, value);
          if (drop > 0) continue;
          pairs.removeAll(node);
          for (const key of [...map.keys()]) if (key.startsWith(`${node} `)) map.delete(key);
        }
        for (let node = 0; node <= 40; node++)
          for (let other = 0; other <= 40; other++)
            expect(pairs.get(node, other)).toBe(map.get(`${node} ${other}`) ?? 0);
      }),
      { numRuns: 20 },
    );
  });
});

describe("subnets as nodes (mDHT §3.4.1.1)", () => {
  const { churn, kademlia } = scenarioOf();
  const busy = { ...churn, model: "exponential" as const, sessionS: 60, absenceS: 30, startS: 20 };
  const exhaustive = { ...kademlia, isExhaustive: true };

  function run(changes: Partial<Scenario>): Outcome {
    const scenario = scenarioOf({ durationS: 90, churn: busy, kademlia: exhaustive, ...changes });
    const simulation = new Simulation({
      ...{ scenario, protocol: KADEMLIA, matrix: [], churnTrace: [], trace: undefined },
    });
    for (const _ of simulation.run());
    return simulation.outcome();
  }

  it("go on where hosts that are nodes do not, and change their tables less", () => {
    const subnets = run({ nodes: 50, rate: 25, hosts: { ...SETTINGS, perSubnet: 8 } });
    const hosts = run({ nodes: 400, rate: 200 });
    const changes = ({ samples }: Outcome): number =>
      samples.filter(({ timeS }) => timeS > 30).reduce((sum, one) => sum + one.tableChanges, 0);
    expect(subnets.samples.at(-1)!.believedDelivery).toBeGreaterThan(0.97);
    expect(hosts.samples.at(-1)!.believedDelivery).toBeLessThan(0.8);
    expect(changes(subnets) * 20).toBeLessThan(changes(hosts));
    expect(subnets.samples.at(-1)!.hostRetries).toBeGreaterThan(0);
  });

  it("are gone for good when they fail, with all of their hosts, those that were away too", () => {
    const massFailure = { atS: 40, share: 0.5 };
    const failing = { ...busy, absenceS: 5, massFailure };
    const { samples } = run({ nodes: 40, rate: 20, hosts: SETTINGS, churn: failing });
    const present = samples.filter(({ timeS }) => timeS > 40).map((sample) => sample.present);
    expect(Math.max(...present)).toBeLessThan(30);
    expect(Math.min(...present)).toBeGreaterThan(10);
  });
});
