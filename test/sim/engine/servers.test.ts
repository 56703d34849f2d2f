import { describe, expect, it } from "vitest";
import { Simulation, type Outcome } from "../../../sim/engine/simulation.ts";
import { protocolOf } from "../../../sim/protocols.ts";
import type { Sample } from "../../../sim/results/result.ts";
import type { Scenario, ServerScenario } from "../../../sim/scenario/scenario.ts";
import { scenarioOf } from "../scenarios.ts";

/** 100 nodes come within a second. */
function samplesWith(server: Partial<ServerScenario>): readonly Sample[] {
  const changes = { nodes: 100, rate: 100, durationS: 25 };
  return outcomeOf(scenarioOf({ ...changes, server: { ...scenarioOf().server, ...server } }))
    .samples;
}

function outcomeOf(scenario: Scenario): Outcome {
  const parts = { protocol: protocolOf(scenario), matrix: [], churnTrace: [], trace: undefined };
  const simulation = new Simulation({ scenario, ...parts });
  for (const _ of simulation.run());
  return simulation.outcome();
}

const joinedAt = (samples: readonly Sample[], timeS: number): number =>
  samples.find((one) => one.timeS === timeS)!.joined;

describe("a bootstrap server", () => {
  it("that answers later than newcomers wait gets all of them in nevertheless", () => {
    const samples = samplesWith({ capacity: 20, queueMax: 100 });
    expect(joinedAt(samples, 5)).toBeLessThan(95);
    expect(joinedAt(samples, 25)).toBe(100);
  });

  it("that is dead for a while lets nobody in meanwhile, and everybody afterwards", () => {
    const samples = samplesWith({ downFromS: 0.5, downToS: 8 });
    expect(joinedAt(samples, 5)).toBe(joinedAt(samplesWith({ downFromS: 0.5 }), 25));
    expect(joinedAt(samples, 5)).toBeLessThan(60);
    expect(joinedAt(samples, 15)).toBe(100);
  });

  it("that is dead holds up only those who ask it, where there are several", () => {
    const down = { count: 4, downFromS: 0.5, downToS: 20, downCount: 1 };
    expect(joinedAt(samplesWith(down), 5)).toBeGreaterThan(90);
  });

  it("that is instant is asked and told without messages", () => {
    const chord = { protocol: "chord", nodes: 100, rate: 100, durationS: 5, sampleS: 1 } as const;
    const joined = (isInstant: boolean): readonly number[] => {
      const server = { ...scenarioOf().server, isInstant };
      const { samples, traffic } = outcomeOf(scenarioOf({ ...chord, server }));
      const types = traffic.map(({ type }) => type);
      for (const type of ["ask-server", "register"]) expect(types.includes(type)).toBe(!isInstant);
      return samples.map((sample) => sample.joined);
    };
    const [soon, late] = [joined(true), joined(false)];
    expect(soon[0]).toBeGreaterThan(late[0]!);
    expect(joinedAt(samplesWith({ isInstant: true, downFromS: 0.5 }), 25)).toBeLessThan(60);
  });

  it("may be one of several, which share the work", () => {
    expect(joinedAt(samplesWith({ capacity: 20, queueMax: 100, count: 4 }), 5)).toBeGreaterThan(95);
  });
});

describe("a reboot of everything", () => {
  it.each(["kademlia", "chord"] as const)("is followed by one overlay of %s again", (protocol) => {
    const { churn, kademlia } = scenarioOf();
    const scenario = scenarioOf({
      ...{ protocol, nodes: 100, rate: 100, durationS: 60 },
      churn: { ...churn, reboot: { atS: 15, share: 1, spreadS: 3 } },
      kademlia: { ...kademlia, isExhaustive: true, alpha: 3 },
    });
    const { samples } = outcomeOf(scenario);
    expect(samples.find(({ timeS }) => timeS === 20)!.believedDelivery).toBeLessThan(0.8);
    expect(samples.at(-1)!.joined).toBe(100);
    expect(samples.at(-1)!.correctDelivery).toBeGreaterThan(0.97);
  });
});
