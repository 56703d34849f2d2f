import { describe, expect, it } from "vitest";
import { settle } from "../../../sim/overlay/io/settle.ts";
import { drawScenario, FAULTS, type Scenario } from "../../../sim/overlay/scenario.ts";
import { runScenario, type RunResult } from "../../../sim/overlay/simulation.ts";

function run(scenario: Scenario, isTraced = false): Promise<RunResult> {
  return runScenario(scenario, { isTraced, settle });
}

describe("the overlay's own machines under faults", () => {
  it.each([2, 5, 43])("keep every promise in seed %i", async (seed) => {
    const { violations, puts } = await run(drawScenario(seed));
    expect(violations, `causeway sim overlay --seed ${seed}`).toEqual([]);
    expect(puts).toBeGreaterThan(30);
  });

  it("do the same in every run of a seed, and another in another", async () => {
    const [once, again] = [await run(drawScenario(18)), await run(drawScenario(18), true)];
    const { trace, ...rest } = again;
    expect({ ...rest, trace: [] }).toEqual(once);
    expect(trace.length).toBe(once.events);
    expect((await run(drawScenario(33, ["retire"]))).traceHash).not.toBe(once.traceHash);
  });
});

describe("a scenario", () => {
  it("is the same for a seed, and has the faults that are asked for", () => {
    expect(drawScenario(7)).toEqual(drawScenario(7));
    expect(drawScenario(7)).not.toEqual(drawScenario(8));
    const faults = Array.from({ length: 50 }, (_, seed) => drawScenario(seed, ["kill", "part"]));
    const types = new Set(faults.flatMap((one) => one.faults.map(({ type }) => type)));
    expect([...types].toSorted()).toEqual(["kill", "part"]);
    expect(faults.every(({ cutAtStart }) => cutAtStart.length === 0)).toBe(true);
  });

  it("has every fault in some seed", () => {
    const all = Array.from({ length: 60 }, (_, seed) => drawScenario(seed));
    const types = new Set(all.flatMap((one) => one.faults.map(({ type }) => type)));
    expect([...types].toSorted()).toEqual([...FAULTS].toSorted());
  });
});
