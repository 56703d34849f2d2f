import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  copyFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callApi } from "../../daemon/api/client.ts";

const UP = fileURLToPath(new URL("fixtures/up-process.ts", import.meta.url));
const LAUNCHER = fileURLToPath(new URL("../../bin/causeway", import.meta.url));

let directory: string;
let socket: string;
let state: string;
let file: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "causeway-process-"));
  socket = join(directory, "api.sock");
  state = join(directory, "state");
  file = join(directory, "causeway.yaml");
  writeFileSync(file, "log: {level: info}\n");
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(directory, { recursive: true });
});

interface Running {
  readonly child: ChildProcess;
  /** What it wrote to standard error so far. */
  log(): string;
}

function launch(...args: string[]): Running {
  const child = spawn(process.execPath, [UP, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (part: string) => (text += part));
  return { child, log: () => text };
}

async function launchReady(): Promise<Running> {
  const running = launch(state, socket, file);
  const ended = once(running.child, "exit").then(() => {
    throw new Error(`ended before it was ready: ${running.log()}`);
  });
  await Promise.race([once(running.child.stdout!, "data"), ended]);
  ended.catch(() => {});
  return running;
}

async function exitOf({ child }: Running): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const [code] = (await once(child, "exit")) as [number | null];
  return code;
}

const config = () =>
  callApi<Record<string, unknown>>({ socket, method: "GET", path: "/v1/config" });

function causeway(...args: string[]) {
  return spawnSync(LAUNCHER, args, {
    encoding: "utf8",
    env: { ...process.env, CAUSEWAY_SOCKET: socket, CAUSEWAY_STATE: state },
  });
}

describe("signals", () => {
  it("reloads on SIGHUP, and keeps the old configuration when the file is bad", async () => {
    const running = await launchReady();
    writeFileSync(file, "log: {level: loud}\n");
    running.child.kill("SIGHUP");
    await expect.poll(running.log).toContain("configuration not reloaded, the old one holds");
    expect(running.log()).toContain("allowed: debug, info, warn, error, silent");
    expect(await config()).toMatchObject({ "log.level": "info" });
    writeFileSync(file, "log: {level: debug}\nreplicas: 4\n");
    running.child.kill("SIGHUP");
    await expect.poll(running.log).toContain('"needRestart":["replicas"]');
    expect(await config()).toMatchObject({ "log.level": "debug", replicas: 3 });
  });

  it.each(["SIGTERM", "SIGINT"] as const)("stops gracefully on %s", async (signal) => {
    const running = await launchReady();
    running.child.kill(signal);
    expect(await exitOf(running)).toBe(0);
    expect(existsSync(socket)).toBe(false);
    const lines = running.log().trim().split("\n");
    // JSON, each line by itself.
    expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual([
      "ready",
      "stopping",
      "stopped",
    ]);
  });

  it("takes one ^C that arrives twice for one", async () => {
    const running = await launchReady();
    running.child.kill("SIGINT");
    running.child.kill("SIGINT");
    expect(await exitOf(running)).toBe(0);
    expect(running.log()).toContain('"stopped"');
  });
});

describe("a second daemon", () => {
  it("is refused on the same state and at the same socket", async () => {
    await launchReady();
    const same = launch(state, join(directory, "other.sock"));
    expect(await exitOf(same)).toBe(1);
    expect(same.log()).toMatch(/a daemon already runs on the state directory .* \(process \d+\)/);
    const other = launch(join(directory, "other"), socket);
    expect(await exitOf(other)).toBe(1);
    expect(other.log()).toContain(`a daemon already runs at ${socket}`);
    expect(await config()).toMatchObject({ socket });
  });

  it("takes over the socket and state of one that was killed", async () => {
    const first = await launchReady();
    first.child.kill("SIGKILL");
    await exitOf(first);
    expect(existsSync(socket)).toBe(true);
    await launchReady();
    expect(await config()).toMatchObject({ socket });
  });

  it("does not touch a directory that is not a state directory", async () => {
    mkdirSync(state);
    writeFileSync(join(state, "thesis.tex"), "x");
    const running = launch(state, socket);
    expect(await exitOf(running)).toBe(1);
    expect(running.log()).toMatch(/holds files that are not Causeway's/);
    expect(causeway("leave", "--forget").status).toBe(2);
    expect(existsSync(join(state, "thesis.tex"))).toBe(true);
  });

  it("refuses a state of another version", async () => {
    mkdirSync(state);
    writeFileSync(join(state, "state-version"), "99\n");
    const running = launch(state, socket);
    expect(await exitOf(running)).toBe(1);
    expect(running.log()).toMatch(/has state version "99", this program reads 1/);
  });
});

describe("the launcher", () => {
  it("stops a daemon and returns when it is gone", async () => {
    const running = await launchReady();
    const { status, stdout } = causeway("down", "--json");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ stopped: true, pid: running.child.pid });
    expect(await exitOf(running)).toBe(0);
    expect(existsSync(join(state, "state-version"))).toBe(true);
  });

  it("wipes the state with and without a daemon", async () => {
    const running = await launchReady();
    expect(causeway("leave", "--forget").status).toBe(0);
    await exitOf(running);
    expect(existsSync(state)).toBe(false);
    const second = await launchReady();
    expect(causeway("down").status).toBe(0);
    await exitOf(second);
    const { status, stdout } = causeway("leave", "--forget", "--json");
    expect({ status, answer: JSON.parse(stdout) as unknown }).toEqual({
      status: 0,
      answer: { left: false, forgotten: true },
    });
    expect(existsSync(state)).toBe(false);
  });

  it("ends a watch on SIGINT with 0", async () => {
    await launchReady();
    const watch = spawn(LAUNCHER, ["watch", "k", "--json", "--socket", socket]);
    children.push(watch);
    const first = once(watch.stdout, "data");
    await expect.poll(() => causeway("put", "k", "v", "--json").status, { timeout: 5000 }).toBe(0);
    const [line] = (await first) as [Buffer];
    expect(JSON.parse(line.toString())).toMatchObject({ type: "put", value: "v" });
    watch.kill("SIGINT");
    expect(await once(watch, "exit")).toEqual([0, null]);
  });

  it("reads a value from standard input, and refuses one over 4 KiB", async () => {
    await launchReady();
    const put = (input: string) =>
      spawnSync(LAUNCHER, ["put", "k", "-", "--socket", socket], { input, encoding: "utf8" });
    expect(put("x".repeat(4096)).status).toBe(0);
    const { status, stderr } = put("x".repeat(4097));
    expect(status).toBe(2);
    expect(stderr).toMatch(/^causeway: VALUE: has 4097 bytes/);
  });

  it("runs through a symbolic link, and by another Node", () => {
    const link = join(directory, "causeway");
    symlinkSync(LAUNCHER, link);
    const version = causeway("--version").stdout;
    expect(version).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(spawnSync(link, ["--version"], { encoding: "utf8" }).stdout).toBe(version);
    const byNode = spawnSync(process.execPath, [LAUNCHER, "--version"], { encoding: "utf8" });
    expect(byNode.stdout).toBe(version);
    const bad = spawnSync(process.execPath, [LAUNCHER, "nothing"], { encoding: "utf8" });
    expect(bad.status).toBe(2);
  });

  it("says what to do where the packages are not installed", () => {
    const copy = join(directory, "clone", "bin");
    mkdirSync(copy, { recursive: true });
    copyFileSync(LAUNCHER, join(copy, "causeway"));
    const { status, stderr } = spawnSync("sh", [join(copy, "causeway"), "status"], {
      encoding: "utf8",
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/packages are not installed; run "npm ci", or "npm start", in/);
  });

  it("prints a configuration that it can read", () => {
    const { status, stdout } = causeway("up", "--print-config", "--no-wan");
    expect(status).toBe(0);
    expect(stdout).toContain("wan: false");
    writeFileSync(file, stdout);
    expect(causeway("up", "--print-config", "--config", file).stdout).toBe(stdout);
  });

  it("says in one line what is wrong with a configuration file", () => {
    writeFileSync(file, "prot: 1\n");
    const { status, stderr } = causeway("up", "--config", file);
    expect(status).toBe(2);
    expect(stderr).toBe(`causeway: ${file}: prot: unknown key; did you mean port?\n`);
    expect(readFileSync(file, "utf8")).toBe("prot: 1\n");
  });
});
