import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { afterAll, describe, expect, it } from "vitest";
import { SIM_WORDS } from "../../daemon/cli/commands/sim.ts";
import { SIM_COMMANDS } from "../../sim/cli/commands.ts";
import type { SimCommands } from "../../sim/cli/commands.ts";
import { renderProgress } from "../../sim/cli/progress-line.ts";
import { runSimCli } from "../../sim/cli/run.ts";
import { createSimulateCommand } from "../../sim/cli/simulate-command.ts";
import { SimulationError } from "../../sim/errors.ts";
import type { RunEngine } from "../../sim/io/measured-run.ts";
import { scriptedEngine } from "./fixtures/results.ts";

const directory = mkdtempSync(join(tmpdir(), "causeway-sim-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** Those of `causeway sim`; `bench` is called as `causeway bench sim`. */
const own = Object.entries(SIM_COMMANDS).filter(([name]) => name !== "bench");

const COMMANDS: SimCommands = {
  bootstrap: async () => createSimulateCommand("bootstrap", "Let nodes join", scriptedEngine),
  churn: async () => createSimulateCommand("churn", "Let them come and go", scriptedEngine),
};

async function runOf(commands: SimCommands, args: readonly string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const status = await runSimCli(["sim", ...args], commands, {
    stdout: (line) => void out.push(line),
    stderr: (line) => void err.push(line),
  });
  return { status, out: out.join("\n"), err: err.join("\n") };
}

function run(...args: readonly string[]) {
  return runOf(COMMANDS, args);
}

/** A bootstrap with another engine. */
function runWith(engine: RunEngine, ...args: readonly string[]) {
  const bootstrap = async () => createSimulateCommand("bootstrap", "Let nodes join", engine);
  return runOf({ bootstrap }, ["bootstrap", ...args]);
}

const neverEngine: RunEngine = () => {
  throw new Error("it ran");
};

function file(name: string, content = ""): string {
  const path = join(directory, name);
  if (content !== "") writeFileSync(path, content);
  return path;
}

describe("a run", () => {
  it("gives one line of JSON, all that differs from run to run in one block", async () => {
    const args = ["bootstrap", "--protocol", "chord", "--nodes", "50", "--seed", "7", "--json"];
    const { status, out } = await run(...args);
    expect(status).toBe(0);
    expect(out.split("\n")).toHaveLength(1);
    const result = JSON.parse(out) as Record<string, unknown>;
    expect(result).toMatchObject({
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      scenario: { protocol: "chord", nodes: 50, seed: 7 },
      convergenceTimeS: 10,
      events: 12_345,
      run: { cpuS: expect.any(Number), rssBytes: expect.any(Number), host: expect.any(String) },
    });
    const again = JSON.parse((await run(...args)).out) as Record<string, unknown>;
    expect({ ...again, run: null }).toEqual({ ...result, run: null });
  });

  it("takes the file, then options by name, then --set", async () => {
    const scenario = file("a.yaml", "nodes: 5\nrate: 5\nseed: 5\n");
    const { out } = await run(
      ...["bootstrap", "--scenario", scenario, "--rate", "6", "--seed", "6"],
      ...["--set", "seed=7", "--set", "kademlia.k=8", "--print"],
    );
    expect(parse(out)).toMatchObject({ nodes: 5, rate: 6, seed: 7, kademlia: { k: 8 } });
  });

  it("writes the files that were asked for, whole", async () => {
    const csv = file("a.csv");
    const svg = file("a.svg");
    const png = file("a.png");
    const { status, out } = await run("bootstrap", "--csv", csv, "--svg", svg, "--png", png);
    expect(status).toBe(0);
    expect(out).toContain("trace hash");
    expect(readFileSync(csv, "utf8").split("\n")).toHaveLength(5);
    expect(readFileSync(svg, "utf8")).toMatch(/^<svg /);
    expect(readFileSync(png).subarray(1, 4).toString()).toBe("PNG");
    const out2 = join(directory, "made/here");
    await run("bootstrap", "--out", out2, "--theme", "dark");
    expect(readdirSync(out2).toSorted()).toEqual([
      "delivery.png",
      "delivery.svg",
      "result.json",
      "samples.csv",
      "scenario.yaml",
    ]);
    const again = await run("bootstrap", "--scenario", join(out2, "scenario.yaml"), "--print");
    expect(`${again.out}\n`).toBe(readFileSync(join(out2, "scenario.yaml"), "utf8"));
  });
});

describe("a mistake", () => {
  it.each([
    [["bootstrap", "--nodes", "0"], "--nodes: 0 is not allowed; allowed: a whole number from 1"],
    [["bootstrap", "--nodes", "many"], '--nodes: "many" is not allowed'],
    [["bootstrap", "--rate", "0"], "--rate: 0 is not allowed; allowed: a number above 0"],
    [["bootstrap", "--protocol", "can"], '--protocol: "can" is not allowed; allowed: chord'],
    [["bootstrap", "--set", "kademlia.k=0"], "--set kademlia.k: 0 is not allowed"],
    [["bootstrap", "--nodes", "100000000"], "are free here; "],
    [["bootstrap", "--node", "1"], "--node: unknown option; did you mean --nodes"],
    [["bootstrap", "--scenario", "/nowhere.yaml"], "/nowhere.yaml: cannot be read"],
    [["bootstrap", "--scenario", "/dev"], "/dev: cannot be read"],
    [["bootstrap", "--csv", "/nowhere/a.csv"], "/nowhere/a.csv: cannot be written"],
    [["bootstrap", "--out", "/dev/null/a"], "/dev/null/a: cannot be made"],
    [
      ["bootstrap", "--set", "delay={model: matrix, matrixFile: /nowhere}"],
      "delay.matrixFile: /nowhere: cannot be read",
    ],
    [["bootsrap"], '"sim bootsrap": no such command; did you mean bootstrap?'],
    [[], 'causeway sim: what? "causeway sim help" lists'],
    [["churn", "--set", "churn.model=none"], "churn.model: none: nothing comes or goes"],
  ])("%j ends with 2 and says what is wrong", async (args, message) => {
    const { status, out, err } = await run(...args);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toContain(message);
    expect(err.split("\n")).toHaveLength(1);
  });

  it("in YAML has its line and column, in a trace its line", async () => {
    const broken = file("broken.yaml", "nodes: 5\nkademlia: {k: 8\n");
    expect((await run("bootstrap", "--scenario", broken)).err).toContain(
      `${broken}:3:1: not valid`,
    );
    const trace = file("trace.csv", "0,0,up\n1,0,on\n");
    const { status, err } = await run(
      ...["churn", "--set", `churn={model: trace, traceFile: ${trace}}`],
    );
    expect(status).toBe(2);
    expect(err).toContain(`${trace}:2: "1,0,on" is not a line`);
  });

  it("is a file of another kind", async () => {
    const churn = file("churn.yaml", "kind: churn\n");
    expect((await run("bootstrap", "--scenario", churn)).err).toContain(
      'kind: the file is for "causeway sim churn", not for "sim bootstrap"',
    );
    expect((await run("churn", "--scenario", churn, "--print")).status).toBe(0);
  });

  it.each([
    ["--csv", "/nowhere/a.csv"],
    ["--topology", "/nowhere/a.dot"],
    ["--out", "/proc/nowhere/a"],
    ["--trace", "/nowhere/a.csv"],
  ])("in %s is found before anything runs", async (option, path) => {
    const { status, err } = await runWith(neverEngine, option, path);
    expect(status).toBe(2);
    expect(err).toMatch(/^causeway: \/(?:proc\/)?nowhere\/.*: cannot be (?:written|made): ENOENT/);
  });
});

describe("a run that fails", () => {
  it("leaves no part of a file behind", async () => {
    const where = join(directory, "failing");
    const csv = join(where, "a.csv");
    const trace = join(where, "events.csv");
    mkdirSync(where);
    const found: string[] = [];
    const failing: RunEngine = async (_, hooks) => {
      hooks.trace?.(1, 1, 0, 1, 7, 8, 9);
      found.push(...readdirSync(where));
      throw new SimulationError("ERR_SIM_INTERRUPTED", "interrupted");
    };
    const { status, err } = await runWith(failing, "--csv", csv, "--trace", trace);
    expect({ status, err }).toEqual({ status: 1, err: "causeway: interrupted" });
    expect(found).toEqual([`events.csv.${process.pid}.part`]);
    expect(readdirSync(where)).toEqual([]);
  });
});

describe("a place for results", () => {
  it("that is a link stays one, and the file behind it has them", async () => {
    for (const option of ["--csv", "--trace"]) {
      const target = file(`behind${option}`, "old");
      const link = file(`link${option}`);
      symlinkSync(target, link);
      expect((await run("bootstrap", option, link)).status).toBe(0);
      expect(lstatSync(link).isSymbolicLink()).toBe(true);
      expect(readFileSync(target, "utf8")).toMatch(/^(?:version|timeS),/);
    }
  });

  it("that is no ordinary file is written to as it stands", async () => {
    for (const option of ["--csv", "--trace"]) {
      const pipe = file(`pipe${option}`);
      spawnSync("mkfifo", [pipe]);
      // Both ends, or opening it waits for the other one.
      const ends = openSync(pipe, "r+");
      expect((await run("bootstrap", option, pipe)).status).toBe(0);
      const bytes = Buffer.alloc(65_536);
      const text = bytes.toString("utf8", 0, readSync(ends, bytes));
      closeSync(ends);
      expect(text).toMatch(/^(?:version|timeS),/);
      expect(lstatSync(pipe).isFIFO()).toBe(true);
    }
  });
});

describe("help", () => {
  it("lists every command and explains each", async () => {
    const { out } = await run("help");
    expect(out).toMatch(/ {2}bootstrap {2}Let nodes join\n {2}churn {6}Let them come and go/);
    for (const name of Object.keys(COMMANDS)) {
      const one = await run(name, "--help");
      expect(one.out).toContain(`Usage: causeway sim ${name} [options]`);
      expect((await run("help", name)).out).toBe(one.out);
    }
  });

  it("of the daemon's command line knows what there is", async () => {
    const entries = await Promise.all(
      own.map(async ([name, load]) => [name, (await load()).summary]),
    );
    expect(Object.entries(SIM_WORDS)).toEqual(entries);
  });
});

describe("the progress line", () => {
  it("has simulated time, events a second, time left and memory", () => {
    const view = { simulatedS: 12.44, durationS: 25, events: 1_310_000, rssBytes: 96e6 };
    expect(renderProgress({ ...view, eventsPerS: 980_000, leftS: 12.2 })).toBe(
      "12.4 of 25 s simulated, 1.31 M events, 0.98 M/s, 13 s left, 96 MB",
    );
    expect(renderProgress({ ...view, eventsPerS: 10, leftS: null })).toContain("time left unknown");
    expect(renderProgress({ ...view, eventsPerS: 10, leftS: 600 })).toContain("10 min left");
  });
});

describe("with the engine", () => {
  const real = (...args: readonly string[]) => runOf(SIM_COMMANDS, args);

  const SMALL = ["bootstrap", "--nodes", "100", "--rate", "50", "--seed", "3"];

  it("gives the same bytes twice, and on two threads", async () => {
    const [one, two, three] = await Promise.all([
      real(...SMALL, "--json"),
      real(...SMALL, "--json"),
      real(...SMALL, "--json", "--threads", "2"),
    ]);
    const [first, second, threaded] = [one, two, three].map(
      ({ out }) => JSON.parse(out) as Record<string, unknown>,
    );
    const withoutRun = (result: Record<string, unknown> | undefined) =>
      JSON.stringify({ ...result, run: null });
    expect(withoutRun(second)).toBe(withoutRun(first));
    expect(withoutRun(threaded)).toBe(withoutRun(first));
    expect(threaded?.["run"]).toMatchObject({ threads: 2 });
    expect(first?.["convergenceTimeS"]).toBeLessThanOrEqual(15);
    expect(first?.["samples"]).toHaveLength(4);
  });

  it("writes the events that were asked for, and who knows whom", async () => {
    const trace = file("events.csv");
    const dot = file("known.dot");
    const svg = file("known.svg");
    const filters = ["--trace-node", "5..6", "--trace-time", "2..3"];
    const types = ["--trace-type", "find-node,query timer"];
    expect(
      (await real(...SMALL, "--topology", dot, "--trace", trace, ...filters, ...types)).err,
    ).toBe("");
    const [head, ...rows] = readFileSync(trace, "utf8").trimEnd().split("\n");
    expect(head).toBe("timeS,type,to,from,a,b,c");
    const seen = rows.map((row) => row.split(","));
    expect(new Set(seen.map(([, type]) => type))).toEqual(new Set(["find-node", "query timer"]));
    for (const [timeS, , to, from] of seen) {
      expect(Number(timeS) >= 2 && Number(timeS) <= 3).toBe(true);
      expect(["5", "6"].includes(to!) || ["5", "6"].includes(from!)).toBe(true);
    }
    expect(readFileSync(dot, "utf8").split("\n").length).toBeGreaterThan(500);
    expect((await real(...SMALL, "--topology", svg)).status).toBe(0);
    expect(readFileSync(svg, "utf8").match(/<circle/g)).toHaveLength(100);
  });

  it.each([
    [["--trace-node", "5"], "--trace-node: needs --trace FILE"],
    [["--trace", "/nowhere/a.csv"], "/nowhere/a.csv: cannot be written"],
    [["--trace", "a.csv", "--trace-type", "x"], '--trace-type: "x" is not allowed; allowed: ask-'],
    [["--topology", "a.gif"], "--topology: a.gif does not end in .dot, .svg or .png"],
  ])("refuses %j", async (args, message) => {
    const { status, err } = await real(...SMALL, ...args);
    expect(status).toBe(2);
    expect(err).toContain(message);
    expect(existsSync("a.csv")).toBe(false);
  });
});
