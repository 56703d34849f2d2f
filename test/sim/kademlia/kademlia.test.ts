import { describe, expect, it } from "vitest";
import { Simulation, type Outcome } from "../../../sim/engine/simulation.ts";
import { KADEMLIA } from "../../../sim/kademlia/kademlia.ts";
import type { Scenario } from "../../../sim/scenario/scenario.ts";
import { scenarioOf } from "../scenarios.ts";

function run(changes: Partial<Scenario> = {}): Outcome {
  const simulation = new Simulation({
    ...{ scenario: scenarioOf(changes), protocol: KADEMLIA, matrix: [], churnTrace: [] },
    trace: undefined,
  });
  for (const _ of simulation.run());
  return simulation.outcome();
}

const { kademlia, churn, delay, workload } = scenarioOf();

describe("Kademlia in the simulator", () => {
  it("has an overlay of 1,000 within 10 s, most of it at wrong nodes (thesis fig. 2.1b)", () => {
    const { samples, convergenceTimeS, meanHops } = run({ nodes: 1000, rate: 1000, durationS: 15 });
    expect(convergenceTimeS).toBe(10);
    expect(meanHops).toBeGreaterThan(2);
    expect(meanHops).toBeLessThan(3.5);
    const last = samples.at(-1)!;
    expect(last.joined).toBe(1000);
    expect(last.believedDelivery).toBeGreaterThan(0.97);
    expect(last.correctDelivery).toBeLessThan(0.5);
  });

  it("finds the right nodes once joining is exhaustive, and nearly every neighbour then", () => {
    const { samples } = run({ durationS: 20, kademlia: { ...kademlia, isExhaustive: true } });
    const last = samples.at(-1)!;
    expect(last.correctDelivery).toBeGreaterThan(0.97);
    expect(last.accuracy).toBeGreaterThan(0.97);
  });

  it("delivers as OverSim does while nodes join exhaustively", () => {
    const { samples } = run({
      ...{ nodes: 1000, rate: 100, durationS: 20 },
      workload: { ...workload, target: "node" },
      kademlia: { ...kademlia, isExhaustive: true },
    });
    // OverSim, 10,000 nodes at 1,000/s, the ids of joined nodes as keys
    for (const [sample, delivery] of [0, 0.326, 0.75, 1].entries())
      expect(Math.abs(samples[sample]!.believedDelivery! - delivery)).toBeLessThan(0.06);
  });

  it("gives the same trace for the same seed, and another for another", () => {
    const hashes = [1, 1, 2].map((seed) => run({ seed }).traceHash);
    expect(hashes[0]).toBe(hashes[1]);
    expect(hashes[0]).not.toBe(hashes[2]);
    expect(hashes[0]).toMatch(/^[0-9a-f]{16}$/);
  });

  it("is the same overlay with larger digits, more requests at once and spare contacts", () => {
    for (const changes of [{ b: 3 }, { alpha: 3 }, { replacements: 8 }]) {
      const { samples } = run({ kademlia: { ...kademlia, ...changes } });
      expect(samples.at(-1)!.believedDelivery).toBeGreaterThan(0.95);
    }
  });

  it("goes on while nodes come and go, and forgets those that are gone", () => {
    const busy = {
      ...churn,
      model: "exponential" as const,
      sessionS: 100,
      absenceS: 20,
      startS: 5,
    };
    const settings = { ...kademlia, isExhaustive: true, alpha: 3 };
    const { samples } = run({ durationS: 60, churn: busy, kademlia: settings });
    const last = samples.at(-1)!;
    expect(last.present).toBeLessThan(195);
    expect(last.believedDelivery).toBeGreaterThan(0.7);
  });

  it("comes back after a reboot of half of its nodes", () => {
    const reboot = { atS: 15, share: 0.5, spreadS: 2 };
    const settings = { ...kademlia, isExhaustive: true };
    const { samples } = run({ durationS: 60, churn: { ...churn, reboot }, kademlia: settings });
    const at = (timeS: number): number =>
      samples.find((one) => one.timeS === timeS)!.believedDelivery!;
    expect(at(15)).toBeGreaterThan(0.95);
    expect(at(20)).toBeLessThan(0.8);
    expect(at(60)).toBeGreaterThan(0.95);
  });

  it("falls apart while the network is, and not where a tenth of the messages is lost", () => {
    const parted = { ...delay, partitions: [{ fromS: 10, toS: 20, share: 0.5 }] };
    const { samples } = run({ durationS: 25, delay: parted });
    expect(samples.find(({ timeS }) => timeS === 15)!.believedDelivery).toBeLessThan(0.9);
    const lossy = run({ durationS: 20, delay: { ...delay, loss: 0.1 } });
    expect(lossy.samples.at(-1)!.believedDelivery).toBeGreaterThan(0.6);
  });
});
