import { describe, expect, it } from "vitest";
import { CHORD } from "../../../sim/chord/chord.ts";
import { draw } from "../../../sim/engine/dice.ts";
import { JOINED } from "../../../sim/engine/node-states.ts";
import { createWorld, Simulation, type Outcome } from "../../../sim/engine/simulation.ts";
import { Directory } from "../../../sim/engine/directory.ts";
import { runSimulation } from "../../../sim/io/run-simulation.ts";
import type { Scenario } from "../../../sim/scenario/scenario.ts";
import { scenarioOf } from "../scenarios.ts";

const { chord, churn, delay, hosts, records, workload } = scenarioOf();

function simulate(changes: Partial<Scenario> = {}): Simulation {
  const simulation = new Simulation({
    ...{ scenario: chordScenario(changes), protocol: CHORD, matrix: [], churnTrace: [] },
    trace: undefined,
  });
  for (const _ of simulation.run());
  return simulation;
}

function chordScenario(changes: Partial<Scenario>): Scenario {
  return scenarioOf({ protocol: "chord", durationS: 25, ...changes });
}

function run(changes: Partial<Scenario> = {}): Outcome {
  return simulate(changes).outcome();
}

describe("Chord in the simulator", () => {
  it("has a ring of 1,000 within 20 s, with hops of ½ log2 N + 1 (thesis fig. 2.1a)", () => {
    const { samples, convergenceTimeS } = run({ nodes: 1000, rate: 1000 });
    expect([15, 20]).toContain(convergenceTimeS);
    const last = samples.at(-1)!;
    expect(last.joined).toBe(1000);
    expect(last.accuracy).toBe(1);
    expect(last.correctDelivery).toBeGreaterThan(0.98);
    expect(Math.abs(last.meanHops! - (0.5 * Math.log2(1000) + 1))).toBeLessThan(0.4);
  });

  it("never delivers to a wrong node while none leaves: who cannot know does not claim", () => {
    const { samples } = run({ workload: { ...workload, target: "node" } });
    for (const { believedDelivery, correctDelivery } of samples)
      expect(correctDelivery).toBe(believedDelivery);
  });

  it("gives the same trace for the same seed, and another for another", () => {
    const hashes = [1, 1, 2].map((seed) => run({ seed, nodes: 50 }).traceHash);
    expect(hashes[0]).toBe(hashes[1]);
    expect(hashes[0]).not.toBe(hashes[2]);
  });

  it("ends in the same owners whichever way it routes, each key having one", () => {
    const settings = { nodes: 100 };
    const owners = (["iterative", "recursive"] as const).map((routing) => {
      const simulation = simulate({ ...settings, chord: { ...chord, routing } });
      const last = simulation.outcome().samples.at(-1)!;
      expect(last.correctDelivery).toBeGreaterThan(0.97);
      return Array.from({ length: 500 }, (_, key) => claimants(simulation, 100, key));
    });
    expect(owners[0]).toEqual(owners[1]);
    const { ids, ranked } = createWorld(chordScenario(settings));
    const directory = new Directory(ids, ranked);
    for (let node = 0; node < 100; node++) directory.set(node, true);
    owners[0]!.forEach((claimed, key) =>
      expect(claimed).toEqual([directory.ringOwner(draw(7, key, 0), draw(7, key, 1))]),
    );
  });

  it("takes as many messages as hops when it is recursive, and its answers as many again", () => {
    const { traffic, meanHops, samples } = run({ chord: { ...chord, routing: "recursive" } });
    expect(samples.at(-1)!.believedDelivery).toBeGreaterThan(0.97);
    expect(meanHops).toBeLessThan(run().meanHops!);
    const messages = (type: string): number =>
      traffic.find((one) => one.type === type)?.messages ?? 0;
    expect(messages("find-node")).toBe(0);
    expect(messages("route-query answer") / messages("route-query")).toBeGreaterThan(0.97);
  });

  it.each(["iterative", "recursive"] as const)("goes on while nodes come and go, %s", (routing) => {
    const busy = { ...churn, model: "exponential" as const, sessionS: 300, absenceS: 60 };
    const { samples } = run({
      ...{ nodes: 150, durationS: 90, churn: { ...busy, startS: 20 } },
      chord: { ...chord, routing },
    });
    for (const sample of samples.slice(6)) expect(sample.correctDelivery).toBeGreaterThan(0.8);
    const present = samples.slice(6).map((sample) => sample.joined / sample.present);
    expect(Math.min(...present)).toBeGreaterThan(0.85);
  });

  it("closes the ring again after a third of it has crashed at once", () => {
    const crash = { ...churn, massFailure: { atS: 25, share: 0.33 } };
    const { samples } = run({ durationS: 70, churn: crash });
    expect(samples[5]!.correctDelivery).toBeLessThan(0.9);
    const last = samples.at(-1)!;
    expect(last.joined).toBeLessThan(150);
    expect(last.accuracy).toBe(1);
    expect(last.correctDelivery).toBeGreaterThan(0.97);
  });

  it("stands where messages are lost, though less well", () => {
    const { samples } = run({ delay: { ...delay, loss: 0.01 }, durationS: 60 });
    expect(samples.at(-1)!.correctDelivery).toBeGreaterThan(0.8);
  });

  it("needs far longer without aggressive join, but gets there (thesis fig. 2.5)", () => {
    const times = { stabilizeMs: [1000, 1000], fixFingersMs: [2000, 2000] } as const;
    const { samples } = run({
      ...{ nodes: 100, rate: 1000, durationS: 150 },
      chord: { ...chord, ...times, isAggressive: false },
    });
    expect(samples[3]!.accuracy).toBeLessThan(0.9);
    expect(samples[3]!.believedDelivery).toBeLessThan(0.9);
    expect(samples.at(-1)!.accuracy).toBe(1);
    expect(samples.at(-1)!.correctDelivery).toBeGreaterThan(0.97);
  });

  it("draws every interval anew when it is told a range", () => {
    const { samples, traffic } = run({
      ...{ nodes: 50 },
      chord: { ...chord, stabilizeMs: [1000, 5000], fixFingersMs: [2000, 10_000] },
    });
    expect(samples.at(-1)!.correctDelivery).toBeGreaterThan(0.95);
    const rounds = traffic.find(({ type }) => type === "stabilize")!.messages / 50 / 24.5;
    expect(rounds).toBeGreaterThan(0.3);
    expect(rounds).toBeLessThan(0.45);
  });

  it.each(["iterative", "recursive"] as const)(
    "finds records where they were put, %s",
    (routing) => {
      const kept = { ...records, count: 50, putAtS: 20, putSpreadS: 3, getIntervalS: 1 };
      const quiet = { ...workload, queryIntervalS: 0 };
      const settings = { nodes: 40, durationS: 45, workload: quiet, chord: { ...chord, routing } };
      const { put, gets, failedGets } = run({
        kind: "records",
        ...settings,
        records: kept,
      }).records!;
      expect(put).toBe(50);
      expect(gets).toBeGreaterThan(200);
      expect(failedGets).toBe(0);
    },
  );

  it("changes less where nodes are subnets and their hosts come and go (mDHT §3.4.1.1)", () => {
    const busy = { ...churn, model: "exponential" as const, sessionS: 100, absenceS: 30 };
    const settings = { durationS: 80, churn: { ...busy, startS: 20 } };
    const perNode = (nodes: number, perSubnet: number): number => {
      const { samples } = run({ ...settings, nodes, hosts: { ...hosts, perSubnet } });
      const late = samples.slice(5);
      const delivered = late.reduce((sum, { correctDelivery }) => sum + correctDelivery!, 0);
      expect(delivered / late.length).toBeGreaterThan(perSubnet > 1 ? 0.9 : 0.6);
      return late.reduce((sum, { tableChanges }) => sum + tableChanges, 0) / nodes;
    };
    expect(perNode(40, 4)).toBeLessThan(perNode(160, 1) / 3);
  });

  it("is the same event by event on two threads", async () => {
    const busy = { ...churn, model: "weibull" as const, sessionS: 60, absenceS: 20, shape: 0.7 };
    for (const routing of ["iterative", "recursive"] as const) {
      const [one, two] = await Promise.all(
        [1, 2].map((threads) => {
          const signal = new AbortController().signal;
          const hooks = { matrix: [], churnTrace: [], trace: undefined, wantsEdges: false };
          return runSimulation(
            chordScenario({
              threads,
              nodes: 60,
              durationS: 15,
              churn: busy,
              chord: { ...chord, routing },
            }),
            { ...hooks, signal, onProgress() {} },
          );
        }),
      );
      const { scenario: _one, ...single } = one!.outcome;
      const { scenario: _two, ...double } = two!.outcome;
      expect(double).toEqual(single);
    }
  });

  /** Who of the joined nodes believes a key to be its own. */
  function claimants({ partition }: Simulation, nodes: number, key: number): readonly number[] {
    return Array.from({ length: nodes }, (_, node) => node).filter(
      (node) =>
        partition.stateOf(node) === JOINED &&
        partition.protocol.isResponsible(node, draw(7, key, 0), draw(7, key, 1)),
    );
  }
});
