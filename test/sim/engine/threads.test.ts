import { describe, expect, it } from "vitest";
import { runSimulation, type Finished, type Progress } from "../../../sim/io/run-simulation.ts";
import type { Scenario } from "../../../sim/scenario/scenario.ts";
import { scenarioOf } from "../scenarios.ts";

const { churn, delay, records, server, workload } = scenarioOf();

function run(changes: Partial<Scenario>, signal = new AbortController().signal): Promise<Finished> {
  const hooks = { matrix: [], churnTrace: [], trace: undefined, wantsEdges: true };
  return runSimulation(scenarioOf(changes), { ...hooks, signal, onProgress() {} });
}

describe("a run on two threads", () => {
  it.each([
    ["of a bootstrap", {}],
    [
      "with churn and loss",
      {
        churn: { ...churn, model: "weibull" as const, sessionS: 10, absenceS: 5, shape: 0.7 },
        delay: { ...delay, loss: 0.02, asymmetry: 0.3 },
        durationS: 30,
      },
    ],
    [
      "with several servers, a mass failure and queries for nodes",
      {
        server: { ...server, count: 3, capacity: 200 },
        churn: { ...churn, massFailure: { atS: 6, share: 0.3 } },
        workload: {
          ...workload,
          queryIntervalS: 0.5,
          queryDeviation: 0.2,
          target: "node" as const,
        },
      },
    ],
    [
      "of sites with a LAN each, a share of them behind slow lines",
      {
        delay: { ...delay, model: "classes" as const, slowShare: 0.3, loss: 0.02, lanLoss: 0.01 },
        churn: { ...churn, model: "exponential" as const, sessionS: 10, absenceS: 5 },
        workload: { ...workload, queryIntervalS: 0.2, target: "node" as const },
        nodes: 50,
      },
    ],
    [
      "of Chord, with hundreds of events in a slot of the wheel",
      { protocol: "chord" as const, nodes: 800, rate: 600, durationS: 13 },
    ],
    [
      "with records that are put, found and repaired while nodes come and go",
      {
        churn: { ...churn, model: "exponential" as const, sessionS: 60, absenceS: 20, startS: 10 },
        records: { ...records, count: 300, putAtS: 5, putSpreadS: 5, getIntervalS: 1, repairS: 5 },
        durationS: 40,
      },
    ],
    [
      "of one LAN, which is on both",
      { delay: { ...delay, model: "classes" as const, perSite: 60 }, nodes: 60, durationS: 5 },
    ],
  ])("%s is that on one, event by event", async (_what, changes: Partial<Scenario>) => {
    const [one, two] = [await run(changes), await run({ ...changes, threads: 2 })];
    const { scenario: _one, ...single } = one.outcome;
    const { scenario: _two, ...double } = two.outcome;
    expect(double).toEqual(single);
    const isLocal = changes.delay?.model === "classes";
    expect(single.traffic.some((line) => line.class === "lan")).toBe(isLocal);
    expect((single.records?.getHops ?? 0) > 1).toBe(changes.records !== undefined);
    const sorted = ({ edges }: Finished): string[] => [...edges()].map(String).toSorted();
    expect(sorted(two)).toEqual(sorted(one));
  });

  it("ends when it is aborted", async () => {
    const reason = new Error("no longer wanted");
    const signal = AbortSignal.abort(reason);
    await expect(run({ threads: 2 }, signal)).rejects.toBe(reason);
    await expect(run({ threads: 1 }, signal)).rejects.toBe(reason);
  });
});

describe("a run with many events a second", () => {
  it.each([1, 2])(
    "gives others a turn within a simulated second, on %i threads",
    async (threads) => {
      const heard: Progress[] = [];
      const hooks = { matrix: [], churnTrace: [], trace: undefined, wantsEdges: false };
      const busy = { ...workload, queryIntervalS: 0.008 };
      await runSimulation(
        scenarioOf({ nodes: 1000, rate: 2000, durationS: 1.5, workload: busy, threads }),
        {
          ...hooks,
          signal: new AbortController().signal,
          onProgress: (progress) => heard.push(progress),
        },
      );
      expect(heard.filter(({ simulatedS }) => !Number.isInteger(simulatedS))).not.toEqual([]);
    },
  );
});
