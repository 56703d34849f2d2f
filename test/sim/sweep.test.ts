import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  openSweep,
  readPoint,
  readSweep,
  unfinished,
  writePoint,
} from "../../sim/io/sweep-directory.ts";
import { parseSet } from "../../sim/scenario/assignments.ts";
import { axisPlots, collect } from "../../sim/sweep/collection.ts";
import { parsePlan, renderPlan } from "../../sim/sweep/plan-file.ts";
import { parseShare, pointsOfShare, renderBatch, sharesOf } from "../../sim/sweep/slurm-batch.ts";
import { parseSeeds, parseSweepText } from "../../sim/sweep/sweep-file.ts";
import { planSweep, pointsOf, refuseOtherSweep } from "../../sim/sweep/sweep-plan.ts";
import type { SweepPlan, SweepPoint } from "../../sim/sweep/sweep-plan.ts";
import { aResult, findings } from "./fixtures/results.ts";

const directory = mkdtempSync(join(tmpdir(), "causeway-sweep-"));
afterAll(() => rmSync(directory, { recursive: true }));

function plan(text: string, seeds: string | null = null, version = "1.2.3"): SweepPlan {
  const given = seeds === null ? null : parseSeeds(seeds);
  return planSweep(parseSweepText(text, "s.yaml"), given, [], version);
}

function resultOf({ scenario }: SweepPoint) {
  return { ...aResult(), ...findings(scenario) };
}

/** `1,2,3`. */
function upTo(count: number): string {
  return Array.from({ length: count }, (_, i) => i + 1).join(",");
}

const TEXT = "nodes: 50\nsweep: {rate: [10, 20], kademlia.k: [8, 16]}";

describe("a sweep file", () => {
  it("gives every combination with every seed, seeds turning fastest", () => {
    const points = pointsOf(plan(TEXT, "1..2"));
    expect(points.map(({ label, scenario }) => `${label} ${scenario.seed}`)).toEqual([
      "rate=10 kademlia.k=8 1",
      "rate=10 kademlia.k=8 2",
      "rate=10 kademlia.k=16 1",
      "rate=10 kademlia.k=16 2",
      "rate=20 kademlia.k=8 1",
      "rate=20 kademlia.k=8 2",
      "rate=20 kademlia.k=16 1",
      "rate=20 kademlia.k=16 2",
    ]);
    expect(new Set(points.map(({ key }) => key)).size).toBe(8);
    expect(points[0]?.scenario).toMatchObject({ nodes: 50, rate: 10, kademlia: { k: 8 } });
  });

  it("may go on with more threads, for its points are the same", () => {
    const keys = (text: string) => pointsOf(plan(text, "1..2")).map(({ key }) => key);
    expect(keys(`threads: 2\n${TEXT}`)).toEqual(keys(TEXT));
  });

  it("takes seeds from the option, the sweep, or the scenario", () => {
    expect(plan("sweep: {seed: [3, 4]}").seeds).toEqual([3, 4]);
    expect(plan("sweep: {seed: [3, 4]}", "7").seeds).toEqual([7]);
    expect(plan("seed: 9\nsweep: {nodes: [5]}").seeds).toEqual([9]);
    expect(parseSeeds("1,4,7..9")).toEqual([1, 4, 7, 8, 9]);
  });

  it("lets --set say what the file does not", () => {
    const set = planSweep(parseSweepText(TEXT, "s.yaml"), [1], [parseSet("nodes=7")], "1.2.3");
    expect(pointsOf(set)[0]?.scenario.nodes).toBe(7);
  });

  it.each([
    ["nodes: 5", "s.yaml: sweep: undefined is not allowed; allowed: a mapping"],
    ["sweep: [1]", "s.yaml: sweep: [1] is not allowed"],
    ["sweep: {nodes: 5}", "s.yaml: sweep.nodes: 5 is not allowed; allowed: a list"],
    ["sweep: {nodes: []}", "s.yaml: sweep.nodes: [] is not allowed"],
    ["sweep: {nodes: [5, 0]}", "s.yaml: sweep.nodes: 0 is not allowed; allowed: a whole number"],
    ["sweep: {nodes: [5, 5]}", "s.yaml: sweep.nodes: 5 is there twice"],
    ["sweep: {threads: [1, 2]}", "s.yaml: sweep.threads: cannot be varied: results are the same"],
    ["sweep: {nods: [5]}", "s.yaml: sweep.nods: unknown; did you mean nodes"],
    ["nodes: 0\nsweep: {rate: [5]}", "s.yaml: nodes: 0 is not allowed"],
    ["sweep: {nodes: [5", "s.yaml:1:18: not valid YAML"],
    ["sweep: {sampleS: [1, 99]}", "at sampleS=99: sampleS: 99 is longer than the run"],
    [`sweep: {nodes: [${upTo(200)}], seed: [${upTo(200)}]}`, "sweep: 40000 points; at most 20000"],
  ])("is refused: %s", (text, message) => {
    expect(() => pointsOf(plan(text))).toThrow(message);
  });

  it.each(["", "0..", "5..1", "a", "1,1", "1..99999", "-1", "4294967296"])(
    "has no seeds %j",
    (text) => {
      expect(() => parseSeeds(text)).toThrow(/^--seed: /);
    },
  );
});

describe("a sweep's directory", () => {
  it("goes on where it was, and what is half, broken or another's never counts", async () => {
    const where = join(directory, "resumed");
    const sweep = plan(TEXT, "1..2");
    const points = pointsOf(sweep);
    await openSweep(where, sweep);
    expect(await unfinished(where, points)).toHaveLength(8);
    const [first, second, third, fourth] = points as [
      SweepPoint,
      SweepPoint,
      SweepPoint,
      SweepPoint,
    ];
    await writePoint(where, first, resultOf(first));
    const whole = JSON.stringify(resultOf(second));
    writeFileSync(join(where, "points", `${second.key}.json`), whole.slice(0, -10));
    writeFileSync(join(where, "points", `${third.key}.json`), whole);
    writeFileSync(join(where, "points", `${fourth.key}.json.77.part`), whole);
    await openSweep(where, sweep);
    expect((await unfinished(where, points)).map(({ key }) => key)).toEqual(
      points.slice(1).map(({ key }) => key),
    );
    expect((await readPoint(where, first))?.scenario).toEqual(first.scenario);
    expect(pointsOf(await readSweep(where))).toEqual(points);
  });

  it("takes more seeds and values, and refuses another sweep", async () => {
    const where = join(directory, "grown");
    await openSweep(where, plan(TEXT, "1..2"));
    await openSweep(where, plan(TEXT.replace("[8, 16]", "[8, 16, 32]"), "1..3"));
    expect((await readSweep(where)).seeds).toEqual([1, 2, 3]);
    await expect(openSweep(where, plan(TEXT, "1..3"))).rejects.toThrow(
      `${where}: holds another sweep: 6 of its 18 points are not in this one, such as rate=10 kademlia.k=32 seed=1; choose another --out`,
    );
    const changed = plan(TEXT.replace("nodes: 50", "nodes: 60"), "1..9");
    await expect(openSweep(where, changed)).rejects.toThrow("18 of its 18 points");
    expect(() => refuseOtherSweep("d", plan(TEXT), plan(TEXT, null, "1.2.4"))).toThrow(
      "d: holds a sweep of causeway 1.2.3, and this is 1.2.4",
    );
  });

  it("is none where no sweep was, or its plan is broken", async () => {
    await expect(readSweep(join(directory, "nowhere"))).rejects.toThrow("holds no sweep");
    for (const text of ["", "[1", "{}", '{"version":"1","given":[3],"sweep":{"seed":[1]}}'])
      expect(() => parsePlan(text, "sweep.json")).toThrow(/^sweep\.json/);
    const sweep = plan("churn: {massFailure: {atS: 3}}\nsweep: {delay.isStable: [true, false]}");
    expect(pointsOf(parsePlan(renderPlan(sweep), "f"))).toEqual(pointsOf(sweep));
    expect(readdirSync(directory)).not.toContain("nowhere");
  });
});

describe("an array of Slurm jobs", () => {
  it("parts points by their number, and has tasks only for what is left", () => {
    const points = pointsOf(plan("nodes: 5\nsweep: {rate: [1, 2]}", "1..1200"));
    const { count, shares } = sharesOf(points, [points[3]!, points[1003]!, points[2399]!]);
    expect({ count, shares }).toEqual({ count: 1000, shares: [3, 399] });
    expect(pointsOfShare(points, 3, count)).toEqual([points[3], points[1003], points[2003]]);
    expect(parseShare("3/1000")).toEqual({ share: 3, count: 1000 });
    for (const text of ["", "3", "3/3", "a/b", "-1/2"])
      expect(() => parseShare(text)).toThrow(/^--share: /);
  });

  it("is a script whose paths the shell takes as they are", () => {
    const batch = {
      ...{ command: "/opt/it's/causeway", directory: "/a b/$HOME", logs: "/logs" },
      ...{ count: 10, shares: [0, 1, 2, 5, 7, 8], jobs: 2, threads: 1 },
    };
    expect(renderBatch(batch)).toBe(
      [
        "#!/bin/sh",
        "#SBATCH --job-name=causeway-sweep",
        "#SBATCH --array=0-2,5,7-8%2",
        "#SBATCH --cpus-per-task=1",
        "#SBATCH --output=/logs/%A_%a.log",
        String.raw`exec '/opt/it'\''s/causeway' sim point --sweep '/a b/$HOME' --share "$SLURM_ARRAY_TASK_ID/10"`,
        "",
      ].join("\n"),
    );
    expect(() => renderBatch({ ...batch, logs: "/a b" })).toThrow("--out: /a b has a blank");
  });
});

describe("what is collected", () => {
  const sweep = plan("nodes: 50\nsweep: {nodes: [100, 1000, 10000], kademlia.k: [8, 16]}", "4..6");
  const found = pointsOf(sweep).map((point) => ({ point, result: resultOf(point) }));

  it("has means and intervals over seeds for each combination", () => {
    const groups = collect(found);
    expect(groups.map(({ name }) => name)).toHaveLength(6);
    expect(groups[0]).toMatchObject({
      name: "nodes=100 kademlia.k=8",
      seeds: [4, 5, 6],
      notConverged: 1,
      convergenceTimeS: { mean: 10, low: 10, high: 10, count: 2 },
      meanHops: { mean: 2.5, count: 3 },
    });
    expect(groups[0]?.believedDelivery?.mean).toBeCloseTo(0.95);
    expect(groups[0]?.believedDelivery?.high).toBeCloseTo(0.95 + (4.3027 * 0.01) / Math.sqrt(3), 5);
  });

  it("is drawn over the first axis of numbers, a line for each of the others", () => {
    const plots = axisPlots(sweep, found);
    expect(Object.keys(plots)).toEqual(["convergence", "hops", "load"]);
    expect(plots["hops"]).toMatchObject({ xLabel: "nodes", xScale: "log" });
    expect(plots["hops"]?.series.map(({ name }) => name)).toEqual([
      "kademlia.k=8",
      "kademlia.k=16",
    ]);
    expect(plots["hops"]?.series[0]?.points.map(({ x }) => x)).toEqual([100, 1000, 10_000]);
    expect(axisPlots(plan("sweep: {protocol: [chord, kademlia]}"), [])).toEqual({});
  });

  it("says of records who keeps how many, and what was moved, where there are any", () => {
    const kept = { mean: 5, highest: 8, gini: 0.3 };
    const gets = { gets: 100, failedGets: 4, getHops: 2, getLatencyMs: null };
    const counted = { put: 9, ...gets, unavailable: 0, lost: 0 };
    const records = { ...counted, repairMessages: 50, repairBytes: 9, innerCopies: 2, kept };
    const traffic = [{ type: "repair", messages: 7, bytes: 70 }];
    const keeping = found.map(({ point, result }) => ({
      point,
      result: { ...result, records, traffic },
    }));
    expect(collect(keeping)[0]).toMatchObject({
      recordsGini: { mean: 0.3 },
      recordsHighest: { mean: 8 },
      failedGets: { mean: 0.04 },
      recordsMoved: { mean: 7 },
      innerCopies: { mean: 2 },
      tableChanges: { mean: 300 },
    });
    expect(collect(found)[0]).toMatchObject({ recordsGini: null, recordsMoved: null });
    const { records: plot } = axisPlots(sweep, keeping);
    expect(plot?.series[0]?.points.map(({ y }) => y)).toEqual([0.3, 0.3, 0.3]);
  });
});
