/** Sweeps as people run them: interrupted, killed, out of disk, and on other engines. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { missingPrograms } from "../../daemon/lab/run.ts";
import {
  causeway,
  directory,
  FILE,
  finished,
  found,
  LAUNCHER,
  POINTS,
  pointFiles,
  SEEDS,
  sweep,
  undisturbed,
} from "./fixtures/sweeps.ts";

describe("a sweep", () => {
  it.each(["SIGINT", "SIGKILL"] as const)(
    "ended by %s keeps what is finished, and goes on to the same results",
    async (signal) => {
      const out = join(directory, signal);
      const args = ["sim", "sweep", FILE, ...SEEDS, "--out", out];
      const child = spawn(LAUNCHER, args, { stdio: ["ignore", "ignore", "pipe"] });
      const complaints: string[] = [];
      child.stderr.setEncoding("utf8").on("data", (text: string) => void complaints.push(text));
      while (finished(out).length < 3 && child.exitCode === null) await sleep(20);
      child.kill(signal);
      await once(child, "close");
      const kept = finished(out);
      expect(kept.length).toBeGreaterThanOrEqual(3);
      expect(kept.length).toBeLessThan(POINTS);
      if (signal !== "SIGKILL") {
        expect(child.exitCode).toBe(1);
        expect(complaints.join("")).toContain("interrupted; run the same again to go on");
        expect(pointFiles(out)).toEqual(kept);
      }
      const again = sweep(out);
      expect(again.counts).toMatchObject({ before: kept.length, left: 0, failed: 0 });
      expect(found(out)).toBe(undisturbed());
    },
  );

  it("says what is wrong with a point, and does the others", () => {
    const file = join(directory, "bad.yaml");
    const trace = join(directory, "trace.csv");
    writeFileSync(trace, "0,0,up\n1,7,up\n");
    const churn = `{model: trace, traceFile: ${trace}}`;
    writeFileSync(
      file,
      `kind: churn\nrate: 100\ndurationS: 10\nchurn: ${churn}\nsweep: {nodes: [5, 10]}\n`,
    );
    const run = causeway("sweep", file, "--json");
    expect(run.status).toBe(1);
    expect(run.stderr).toContain(`nodes=5 seed=1: causeway: ${trace}:2: node 7 is not one of the`);
    expect(JSON.parse(run.stdout)).toMatchObject({ finished: 1, failed: 1, left: 1 });
  });
});

describe.skipIf(process.getuid?.() !== 0)("a full disk", () => {
  it("ends a sweep with a clear error, loses nothing, and the sweep goes on when there is room", () => {
    const out = join(directory, "full");
    const args = `${LAUNCHER} sim sweep ${FILE} ${SEEDS.join(" ")} --out ${out}/s`;
    const script = [
      `mkdir ${out}; mount -t tmpfs -o size=28k none ${out}`,
      `${args}; echo status $?`,
      `ls ${out}/s/points`,
      `mount -o remount,size=8m ${out}`,
      `${args} --json`,
      `${LAUNCHER} sim collect ${out}/s > ${directory}/collected`,
      `cp ${out}/s/samples.csv ${directory}/full.csv`,
    ].join("\n");
    const run = spawnSync("unshare", ["--mount", "sh", "-c", script], { encoding: "utf8" });
    expect(run.stderr).toMatch(
      /^causeway: no room left for .*; make room and run the same again$/m,
    );
    const [before = "", after = ""] = run.stdout.split(/(?=^\{)/m);
    expect(before).toContain("status 1");
    const kept = before.match(/^[0-9a-f]{32}\.json$/gm) ?? [];
    expect(kept.length).toBeGreaterThan(0);
    expect(before).not.toContain(".part");
    expect(JSON.parse(after)).toMatchObject({ before: kept.length, left: 0, failed: 0 });
    expect(undisturbed()).toContain(readFileSync(join(directory, "full.csv"), "utf8"));
  });
});

const PARALLEL_MISSING = missingPrograms(["parallel"]).join(", ");
if (PARALLEL_MISSING !== "") console.warn("sweeps through GNU parallel skipped: it is not there");

describe.skipIf(PARALLEL_MISSING !== "")("through GNU parallel", () => {
  it("finds the same, on a list of hosts too", () => {
    const here = join(directory, "parallel");
    expect(sweep(here, "--engine", "parallel").counts).toMatchObject({ finished: POINTS, left: 0 });
    expect(found(here)).toBe(undisturbed());
    const hosts = join(directory, "hosts");
    writeFileSync(hosts, "2/:\n");
    const there = join(directory, "hosts-out");
    const options = ["--engine", "parallel", "--hosts", hosts, "--command", LAUNCHER];
    expect(sweep(there, ...options).counts).toMatchObject({ finished: POINTS, left: 0 });
    expect(found(there)).toBe(undisturbed());
  });

  it("says which points hosts gave no result of, and goes on elsewhere", () => {
    const out = join(directory, "hosts-without");
    const none = sweep(out, "--engine", "parallel", "--command", "/nowhere/causeway");
    expect(none.status).toBe(1);
    expect(none.stderr).toContain("kademlia.k=8 seed=1: gave no result");
    expect(sweep(out).counts).toMatchObject({ before: 0, finished: POINTS });
  });
});

it("through an engine that is not there says so", () => {
  const env = { PATH: "/nowhere" };
  for (const [engine, program] of [
    ["slurm", "sbatch"],
    ["parallel", "parallel"],
  ] as const) {
    const args = [
      "sim",
      "sweep",
      FILE,
      "--out",
      join(directory, `without-${engine}`),
      "--engine",
      engine,
    ];
    const { status, stderr } = spawnSync(
      "/bin/sh",
      ["-c", `"$0" "$@"`, process.execPath, "sim/main.ts", ...args],
      { encoding: "utf8", env },
    );
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `causeway: ${program} is not installed here\n`,
    });
  }
});
