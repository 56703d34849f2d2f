import { describe, expect, it } from "vitest";
import { NONE } from "../../../sim/engine/event-slab.ts";
import { PROTOCOL_TYPE } from "../../../sim/engine/protocol.ts";
import { Simulation, type Outcome } from "../../../sim/engine/simulation.ts";
import type { Trace } from "../../../sim/engine/trace-hash.ts";
import { KADEMLIA } from "../../../sim/kademlia/kademlia.ts";
import { ASKED_STATE, PathGroups } from "../../../sim/kademlia/path-groups.ts";
import type { Scenario } from "../../../sim/scenario/scenario.ts";
import { scenarioOf } from "../scenarios.ts";

const FIND_NODE = PROTOCOL_TYPE + 1;
const { kademlia, churn, delay } = scenarioOf();
const exhaustive = { ...kademlia, isExhaustive: true };

function run(changes: Partial<Scenario>, trace?: Trace): Outcome {
  const scenario = scenarioOf({ nodes: 300, durationS: 15, ...changes });
  const parts = { scenario, protocol: KADEMLIA, matrix: [], churnTrace: [], trace };
  const simulation = new Simulation(parts);
  for (const _ of simulation.run());
  return simulation.outcome();
}

/** Of each lookup of a query: whom it asked, in order of arrival. */
function askedBy(changes: Partial<Scenario>): readonly (readonly number[])[] {
  const lookups = new Map<string, number[]>();
  run(changes, (_timeNs, to, from, type, a, b, c) => {
    if (type !== FIND_NODE || c !== 1) return;
    const key = `${from} ${a} ${b}`;
    lookups.set(key, [...(lookups.get(key) ?? []), to]);
  });
  return [...lookups.values()];
}

describe("disjoint paths", () => {
  it.each([1, 3])("never ask the same node (alpha %i)", (alpha) => {
    const lossy = { ...delay, loss: 0.05 };
    const settings = { ...exhaustive, disjointPaths: 4, alpha };
    const lookups = askedBy({ kademlia: settings, delay: lossy });
    expect(lookups.length).toBeGreaterThan(1000);
    for (const asked of lookups) expect(new Set(asked).size).toBe(asked.length);
    expect(lookups.filter(({ length }) => length >= 4).length).toBeGreaterThan(1000);
  });

  it("find the right node, with more messages and no fewer deliveries", () => {
    const of = (disjointPaths: number): Outcome =>
      run({ durationS: 20, kademlia: { ...exhaustive, disjointPaths } });
    const [one, four] = [of(1), of(4)];
    const find = ({ traffic }: Outcome): number =>
      traffic.find(({ type }) => type === "find-node")!.messages;
    expect(find(four)).toBeGreaterThan(1.5 * find(one));
    expect(four.samples.at(-1)!.correctDelivery).toBeGreaterThan(0.97);
  });

  it("end while nodes come and go, and with more paths than contacts", () => {
    const busy = { ...churn, model: "exponential" as const, sessionS: 60, absenceS: 15, startS: 3 };
    const settings = { ...exhaustive, disjointPaths: 8, alpha: 3 };
    const { samples } = run({ nodes: 100, durationS: 60, churn: busy, kademlia: settings });
    expect(samples.at(-1)!.believedDelivery).toBeGreaterThan(0.5);
    const few = run({ nodes: 3, kademlia: { ...exhaustive, disjointPaths: 8 } });
    expect(few.samples.at(-1)!.correctDelivery).toBeGreaterThan(0.9);
  });
});

describe("a group of paths", () => {
  const ids = { high: Int32Array.of(0, 1, 2, 3, -1), low: new Int32Array(5) };

  function groupOf(named: readonly number[]): { groups: PathGroups; group: number } {
    const groups = new PathGroups(ids, 4);
    const group = groups.begin(named.length);
    for (const owner of named) groups.leave(group, owner, 1);
    return { groups, group };
  }

  it.each([
    ["whom most name", [2, 1, 2], 2],
    ["the nearest of those named equally often", [3, 2, 1], 1],
    ["the nearest, by unsigned distance", [4, 3], 3],
    ["nobody, when no path does", [NONE, NONE], NONE],
    ["the only one that is named", [NONE, 4, NONE], 4],
  ])("chooses %s", (_what, named, winner) => {
    const { groups, group } = groupOf(named);
    expect(groups.winner(group, 0, 0, false)).toBe(winner);
  });

  it("chooses the nearest that any path names, if that is the verdict", () => {
    const { groups, group } = groupOf([2, 1, 2]);
    expect(groups.winner(group, 0, 0, true)).toBe(1);
  });

  it("does not choose a node that did not answer", () => {
    const { groups, group } = groupOf([2, 2, 1]);
    expect(groups.ask(group, 2)).toBe(ASKED_STATE.new);
    groups.settle(group, 2, ASKED_STATE.failed);
    expect(groups.winner(group, 0, 0, false)).toBe(1);
  });

  it("tells a path what another one knows of a node", () => {
    const groups = new PathGroups(ids, 4);
    const group = groups.begin(2);
    expect(groups.ask(group, 3)).toBe(ASKED_STATE.new);
    expect(groups.ask(group, 3)).toBe(ASKED_STATE.pending);
    groups.settle(group, 3, ASKED_STATE.claimed);
    expect(groups.ask(group, 3)).toBe(ASKED_STATE.claimed);
    expect(groups.leave(group, 3, 5)).toBe(1);
    expect(groups.leave(group, NONE, 2)).toBe(0);
    expect(groups.hopsOf(group)).toBe(5);
  });
});
