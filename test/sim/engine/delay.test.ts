import { describe, expect, it } from "vitest";
import { LOST, Network, NS_PER_MS, NS_PER_S } from "../../../sim/engine/delay.ts";
import { Sites } from "../../../sim/engine/sites.ts";
import type { DelayScenario } from "../../../sim/scenario/scenario.ts";
import { scenarioOf } from "../scenarios.ts";

describe("the network of a matrix", () => {
  it("has the least of all delays as its own, however many places there are", () => {
    const delay = { ...scenarioOf().delay, model: "matrix" as const, jitter: 0 };
    const matrix = Array.from({ length: 600 }, () => new Float64Array(600).fill(20));
    matrix[17]![4] = 3;
    const network = new Network(delay, 1, 600, matrix);
    expect(network.leastNs).toBe(3 * NS_PER_MS);
    expect(network.delayNs(17, 4, 0, 0)).toBe(3 * NS_PER_MS);
    expect(network.delayNs(4, 17, 0, 0)).toBe(20 * NS_PER_MS);
  });
});

describe("sites", () => {
  it.each([
    [400, 4, 100],
    [401, 4, 102],
    [10, 4, 4],
    [3, 1, 4],
    [4, 4, 1],
    [5, 4, 2],
  ])(
    "of %i nodes, %i in each, are %i, and no two threads share one of several",
    (nodes, perSite, count) => {
      const sites = new Sites({ perSite, slowShare: 0 }, nodes, 1);
      expect(sites.count).toBe(count);
      const members = Map.groupBy(
        Array.from({ length: nodes }, (_, node) => node),
        (node) => sites.siteOf(node),
      );
      for (const nodesOfSite of members.values()) {
        expect(nodesOfSite.length).toBeLessThanOrEqual(perSite);
        if (count > 1) expect(new Set(nodesOfSite.map((node) => node & 1)).size).toBe(1);
      }
    },
  );

  it("have each bootstrap server for itself", () => {
    const sites = new Sites({ perSite: 4, slowShare: 1 }, 8, 1);
    expect([0, 1, 2, 3, 4, 5, 6, 7, 9].filter((node) => sites.isLan(8, node))).toEqual([]);
    expect(sites.isSlow(8)).toBe(false);
    expect(sites.isSlow(7)).toBe(true);
  });
});

describe("the network of classes", () => {
  const NODES = 80;
  const MESSAGES = 4000;

  function networkOf(changes: Partial<DelayScenario>): Network {
    return new Network({ ...scenarioOf().delay, model: "classes", ...changes }, 1, NODES);
  }

  /** Milliseconds of messages from a node to another one, as far as they arrive. */
  function delays(network: Network, from: number, to: number, atS = 0): readonly number[] {
    return Array.from({ length: MESSAGES }, (_, i) =>
      network.delayNs(from, to, i, atS * NS_PER_S),
    ).flatMap((delayNs) => (delayNs === LOST ? [] : [delayNs / NS_PER_MS]));
  }

  function mean(numbers: readonly number[]): number {
    return numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
  }

  it("is quick inside a site and slow between two, with as much jitter in proportion", () => {
    const network = networkOf({});
    const jitter = 1 + 0.1 * Math.sqrt(2 / Math.PI);
    expect(mean(delays(network, 0, 20))).toBeCloseTo(0.3 * jitter, 2);
    expect(Math.min(...delays(network, 0, 20))).toBeGreaterThanOrEqual(0.3);
    expect(mean(delays(network, 0, 21))).toBeCloseTo(50 * jitter, 0);
    expect([network.isLan(0, 20), network.isLan(0, 21)]).toEqual([true, false]);
    expect(networkOf({ model: "jittered" }).isLan(0, 20)).toBe(false);
  });

  it("lets threads run as far ahead as a message between sites takes, if there are two", () => {
    expect(networkOf({}).leastNs).toBe(50 * NS_PER_MS);
    expect(networkOf({ asymmetry: 0.5 }).leastNs).toBe(25 * NS_PER_MS);
    expect(networkOf({ perSite: NODES }).leastNs).toBe(0.3 * NS_PER_MS);
    expect(networkOf({ perSite: NODES, lanMs: 70 }).leastNs).toBe(50 * NS_PER_MS);
  });

  it("adds a slow line for each end that is behind one, and none inside a site", () => {
    const network = networkOf({ slowShare: 0.5, slowMs: 30, jitter: 0 });
    const found = new Set(
      Array.from({ length: NODES }, (_, to) => network.delayNs(1, to, 0, 0) / NS_PER_MS),
    );
    expect([...found].toSorted((a, b) => a - b)).toHaveLength(3);
    expect(found).toContain(0.3);
    const slow = Array.from({ length: NODES }, (_, from) =>
      Math.max(...delays(network, from, (from + 1) % NODES).slice(0, 1)),
    );
    expect(new Set(slow)).toEqual(new Set([50, 80, 110]));
  });

  it("loses, parts, tilts and stretches what goes between sites alone; a LAN has its own loss", () => {
    const wild = networkOf({
      ...{ loss: 0.3, asymmetry: 0.4, changes: [{ atS: 5, factor: 3 }] },
      partitions: [{ fromS: 7, toS: 8, share: 0.5 }],
    });
    const calm = networkOf({});
    for (const atS of [0, 6, 7]) expect(delays(wild, 0, 20, atS)).toEqual(delays(calm, 0, 20, atS));
    expect(delays(wild, 0, 21).length / MESSAGES).toBeCloseTo(0.7, 1);
    expect(mean(delays(wild, 0, 21, 6))).toBeCloseTo(3 * mean(delays(wild, 0, 21)), 0);
    expect(delays(wild, 0, 19, 7)).toEqual([]);
    expect(delays(wild, 0, 29, 7).length).toBeGreaterThan(0);
    const lossy = networkOf({ lanLoss: 0.2 });
    expect(delays(lossy, 0, 20).length / MESSAGES).toBeCloseTo(0.8, 1);
    expect(delays(lossy, 0, 21)).toHaveLength(MESSAGES);
  });
});
