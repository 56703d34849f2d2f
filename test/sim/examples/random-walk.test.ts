import { describe, expect, it } from "vitest";
import { RANDOM_WALK } from "../../../sim/examples/random-walk.ts";
import { Simulation, type Outcome } from "../../../sim/engine/simulation.ts";
import type { Scenario } from "../../../sim/scenario/scenario.ts";
import { scenarioOf } from "../scenarios.ts";

function run(changes: Partial<Scenario> = {}): Outcome {
  const simulation = new Simulation({
    ...{ scenario: scenarioOf({ durationS: 20, ...changes }), protocol: RANDOM_WALK },
    ...{ matrix: [], churnTrace: [], trace: undefined },
  });
  for (const _ of simulation.run());
  return simulation.outcome();
}

describe("a protocol in one file", () => {
  it("finds by chance what one node in sixteen keeps", () => {
    const { samples, traffic, meanHops } = run();
    const last = samples.at(-1)!;
    expect(last.joined).toBe(200);
    expect(last.believedDelivery).toBeGreaterThan(0.9);
    expect(last.correctDelivery).toBe(last.believedDelivery);
    // 16 steps, the last of them the delivery; longer walks than the run's end are not in it.
    expect(meanHops).toBeGreaterThan(10);
    expect(meanHops).toBeLessThan(20);
    expect(traffic.map(({ type }) => type)).toContain("step answer");
  });

  it("goes on under churn, and mends its neighbours", () => {
    const { churn } = scenarioOf();
    const busy = { ...churn, model: "exponential" as const, sessionS: 40, absenceS: 10 };
    const { samples } = run({ churn: busy, durationS: 60 });
    const last = samples.at(-1)!;
    expect(last.joined / last.present).toBeGreaterThan(0.9);
    expect(last.believedDelivery).toBeGreaterThan(0.5);
  });

  it("looks after its neighbours no more often where there are too few nodes for all of them", () => {
    const joins = (durationS: number): number =>
      run({ nodes: 3, durationS }).traffic.find(({ type }) => type === "join")!.messages;
    // Each of three nodes asks for more every 5 s.
    expect(joins(60) - joins(30)).toBeGreaterThan(12);
    expect(joins(60) - joins(30)).toBeLessThan(24);
  });

  it("is the same with the same seed", () => {
    const small = { nodes: 50, durationS: 5 };
    expect(run(small)).toEqual(run(small));
    expect(run({ ...small, seed: 2 }).traceHash).not.toBe(run(small).traceHash);
  });
});
