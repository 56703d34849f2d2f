/** Sweeps as people run them: interrupted, killed, out of disk, and on other engines. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { missingPrograms } from "../../daemon/lab/run.ts";
import { SSH_MISSING, withSsh } from "./fixtures/ssh-bed.ts";
import { SLURM_MISSING, withSlurm } from "./fixtures/slurm-bed.ts";

const LAUNCHER = resolve("bin/causeway");
const directory = mkdtempSync(join(tmpdir(), "causeway-sweeps-"));
afterAll(() => rmSync(directory, { recursive: true }));

const FILE = join(directory, "sweep.yaml");
writeFileSync(FILE, "nodes: 150\nrate: 50\nsweep: {kademlia.k: [8, 16]}\n");
const POINTS = 12;
const SEEDS = ["--seed", `1..${POINTS / 2}`, "--jobs", "2"];

function causeway(...args: readonly string[]) {
  return spawnSync(LAUNCHER, ["sim", ...args], { encoding: "utf8" });
}

function sweep(out: string, ...more: readonly string[]) {
  const run = causeway("sweep", FILE, ...SEEDS, "--out", out, "--json", ...more);
  const counts = run.stdout === "" ? {} : (JSON.parse(run.stdout) as Record<string, number>);
  return { ...run, counts };
}

function finished(out: string): readonly string[] {
  return pointFiles(out).filter((name) => name.endsWith(".json"));
}

function pointFiles(out: string): readonly string[] {
  try {
    return readdirSync(join(out, "points"));
  } catch {
    return [];
  }
}

/** All that sweeps found, without what differs from run to run. */
function found(out: string): string {
  expect(causeway("collect", out).status).toBe(0);
  return (
    readFileSync(join(out, "samples.csv"), "utf8") + readFileSync(join(out, "runs.csv"), "utf8")
  );
}

let whole: string | undefined;

/** Of a sweep that nothing happened to. */
function undisturbed(): string {
  const out = join(directory, "undisturbed");
  if (whole === undefined) {
    expect(sweep(out).counts).toMatchObject({ points: POINTS, finished: POINTS, left: 0 });
    whole = found(out);
  }
  return whole;
}

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

describe.skipIf(SSH_MISSING !== undefined)("through GNU parallel and ssh", () => {
  it("finds the same on another host, which shares no files", () => {
    const bed = mkdtempSync(join(directory, "ssh-"));
    const out = join(directory, "ssh-out");
    writeFileSync(join(bed, "hosts"), "2/away\n");
    const engine = `--engine parallel --hosts ${bed}/hosts --command ${LAUNCHER}`;
    const command = `${LAUNCHER} sim sweep ${FILE} ${SEEDS.join(" ")} --out ${out} ${engine} --json`;
    const run = withSsh(bed, command);
    expect({ status: run.status, stderr: run.stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(run.stdout)).toMatchObject({ finished: POINTS, left: 0 });
    expect(readFileSync(join(bed, "sshd.log"), "utf8")).toContain("Accepted publickey");
    expect(found(out)).toBe(undisturbed());
  });
});

describe.skipIf(SLURM_MISSING !== undefined)("as an array of Slurm jobs", () => {
  it("finds the same, and only what is left is submitted again", () => {
    const cluster = mkdtempSync(join(directory, "slurm-"));
    const out = join(directory, "slurm-out");
    const command = `${LAUNCHER} sim sweep ${FILE} --jobs 2 --out ${out} --engine slurm --json`;
    const run = withSlurm(
      cluster,
      [
        `${command} --seed 1..2`,
        `${command} --seed 1..${POINTS / 2}`,
        "squeue --noheader | wc -l",
      ].join("\n"),
    );
    const [first = "", second = "", left] = run.stdout.trim().split("\n");
    expect({ status: run.status, left }, run.stderr).toEqual({ status: 0, left: "0" });
    expect(JSON.parse(first)).toMatchObject({ points: 4, before: 0, finished: 4, left: 0 });
    expect(JSON.parse(second)).toMatchObject({ points: POINTS, before: 4, finished: 8, left: 0 });
    expect(run.stderr).toMatch(/^Slurm job 1: 4 of its tasks/m);
    expect(run.stderr).toMatch(/: 8 of its tasks/);
    expect(found(out)).toBe(undisturbed());
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
