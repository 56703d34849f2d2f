import { describe, expect, it } from "vitest";
import { costFigures } from "../../sim/bench/costs.ts";
import { distanceFigure, intervalFigure } from "../../sim/bench/convergence.ts";
import { deoptFigure, DEOPTS_MAX } from "../../sim/bench/deopts.ts";
import { SIM_COMMANDS } from "../../sim/cli/commands.ts";
import { runSimCli } from "../../sim/cli/run.ts";
import { HoldModel } from "../../sim/engine/hold-model.ts";
import { measureBareQueue } from "../../sim/io/bare-queue.ts";
import { traceDeopts } from "../../sim/io/child-run.ts";
import { ownScenario } from "../../sim/io/own-scenarios.ts";
import type { IntervalAnchor } from "../../sim/results/anchors.ts";
import { aResult } from "./fixtures/results.ts";
import { scenarioOf } from "./scenarios.ts";

async function bench(...args: readonly string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const status = await runSimCli(["bench", "sim", ...args], SIM_COMMANDS, {
    stdout: (line) => void out.push(line),
    stderr: (line) => void err.push(line),
  });
  return { status, out: out.join("\n"), err: err.join("\n") };
}

describe("the hold model", () => {
  it("keeps as many events pending as it began with, and takes them in the same order again", () => {
    const [one, two] = [new HoldModel(500), new HoldModel(500)];
    const sums = [one.hold(10_000), one.hold(5000)];
    expect(one.pending).toBe(500);
    expect([two.hold(10_000), two.hold(5000)]).toEqual(sums);
    expect(sums[0]).not.toBe(sums[1]);
  });

  it("is measured in CPU seconds, on a thread of its own", async () => {
    expect(await measureBareQueue(100)).toBeGreaterThan(100_000);
  });
});

describe("bars of CPU time", () => {
  const run = { ...aResult().run, cpuS: 5, rssBytes: 90e6 };
  const result = { ...aResult(), run };
  const bars = { cpuS: 4, rssMb: 100, overSimCpuS: 100 };

  it("scale with the bare queue, those of memory do not", () => {
    const [slow, memory] = costFigures("x", "a run", { result, queueRate: 7e6 }, bars);
    expect(slow).toMatchObject({ measured: 5, bar: 8, isPassed: true, ratio: 0.05 });
    expect(memory).toMatchObject({ measured: 90, bar: 100, isPassed: true });
    const [fast] = costFigures("x", "a run", { result, queueRate: 28e6 }, bars);
    expect(fast).toMatchObject({ bar: 2, isPassed: false });
  });
});

describe("the gate against deoptimisations", () => {
  it("fails above its bar and says what was deoptimised most", () => {
    expect(
      deoptFigure(
        "a",
        Array.from({ length: DEOPTS_MAX }, () => "f"),
      ).isPassed,
    ).toBe(true);
    const names = [...Array.from({ length: DEOPTS_MAX }, () => "f"), "g"];
    expect(deoptFigure("a", names)).toMatchObject({ isPassed: false, note: "most: f, 100 times" });
  });

  it("sees those of a run", async () => {
    const signal = new AbortController().signal;
    const found = await traceDeopts(scenarioOf({ nodes: 1000, rate: 1000 }), signal);
    expect(found.length).toBeGreaterThan(0);
    expect(found.every((name) => !/[\s[\]]/.test(name))).toBe(true);
  });
});

describe("the distance from OverSim", () => {
  it("is that of the farthest sample, in points", () => {
    const samples = aResult().samples;
    const shown = samples.map(({ believedDelivery }) => (believedDelivery ?? 0) - 0.02);
    shown[1] = shown[1]! - 0.05;
    const figure = distanceFigure("a", [aResult()], { deliveries: shown, cpuS: 1 });
    expect(figure.measured).toBeCloseTo(7);
    expect(figure).toMatchObject({ isPassed: false, note: `at ${samples[1]!.timeS} s` });
  });
});

describe("the time of slow rings", () => {
  const anchor: IntervalAnchor = {
    ...{ name: "a", scenario: "fig-2.5-1-2", changes: {} },
    ...{ convergenceTimeS: 40, tolerance: 0.25, source: "thesis" },
  };

  it("is that of believed and that of correct delivery, as a mean over seeds", () => {
    const [first] = aResult().samples;
    const run = (...deliveries: readonly (readonly [number, number])[]) => {
      const samples = deliveries.map(([believedDelivery, correctDelivery], i) => {
        return { ...first!, timeS: 20 * (i + 1), believedDelivery, correctDelivery };
      });
      return { ...aResult(), samples };
    };
    const results = [run([0.95, 0], [0.9, 0.95]), run([0.94, 0.94], [1, 0.2], [1, 1])];
    expect(intervalFigure(anchor, results, "believedDelivery")).toMatchObject({
      ...{ measured: 25, isPassed: true, note: "thesis: 40 s; mean 30 s of 20 40" },
    });
    expect(intervalFigure(anchor, results, "correctDelivery")).toMatchObject({
      ...{ measured: 25, isPassed: true, note: "thesis: 40 s; mean 50 s of 40 60" },
    });
    expect(intervalFigure(anchor, [run([0, 0])], "correctDelivery").isPassed).toBe(false);
  });
});

describe("the scenarios that come with the program", () => {
  it("are those of the figures", async () => {
    expect(await ownScenario("fig-2.1b")).toMatchObject({ protocol: "kademlia", nodes: 10_000 });
    expect(await ownScenario("fig-2.5-uniform", { "chord.successors": 4 })).toMatchObject({
      nodes: 1000,
      chord: { isAggressive: false, stabilizeMs: [1000, 5000], successors: 4 },
    });
  });
});

describe("bench sim", () => {
  it("refuses what it does not know, and says what it has", async () => {
    expect(await bench("--only", "kademila")).toEqual({
      ...{ status: 2, out: "" },
      err: 'causeway: --only: no section "kademila"; did you mean kademlia?',
    });
    expect((await bench("--seeds", "0")).err).toContain("allowed: a whole number from 1 to 1000");
    const { out } = await bench("--help");
    expect(out).toContain("Usage: causeway bench sim [options]");
    expect(out).toContain("million *: Kademlia, 1,000,000 nodes");
  });
});
