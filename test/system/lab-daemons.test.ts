import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { downLab, parseLabSpec, upLab, type Lab } from "../../daemon/lab/lab.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const NAME = ownLabName("d");
const DAEMON = join(import.meta.dirname, "fixtures/lab-daemon.ts");
const options = { program: [process.execPath, DAEMON], waitMs: 10_000 };

describe.skipIf(LAB_MISSING !== undefined)("the daemons of a lab", () => {
  let lab: Lab;

  beforeAll(async () => {
    await downLab(NAME).catch(() => {});
    const sites = "sites: [{ name: alpha, hosts: 2, avahi: true }, { name: beta, hosts: 2 }]";
    lab = await upLab(parseLabSpec(sites, "test"), NAME);
  });

  afterAll(async () => {
    await lab?.down();
  });

  const states = (): string[] => lab.hosts.map(({ name }) => lab.daemonState(name));
  const tokenOf = (host: string): string =>
    readFileSync(join(lab.paths(host).state, "token"), "utf8");

  it("need the first host for their tokens", async () => {
    await expect(lab.start(["beta-1"], options)).rejects.toThrow(
      /beta-1 needs a token from alpha-1/,
    );
  });

  it("start with a token each, all but the first, and have joined then", async () => {
    const said: string[] = [];
    await lab.start(undefined, { ...options, progress: (line) => said.push(line) });
    expect(states()).toEqual(["running", "running", "running", "running"]);
    expect(lab.hosts.map(({ name }) => tokenOf(name))).toEqual(["kept", "t1", "t2", "t3"]);
    expect(said).toContain("beta-2 joined");
    const left = lab.hosts.filter(({ name }) =>
      existsSync(join(lab.paths(name).directory, "token")),
    );
    expect(left).toEqual([]);
  });

  it("are left alone when they run already", async () => {
    const before = lab.daemonProcess("beta-1");
    await lab.start(["beta-1"], options);
    expect(lab.daemonProcess("beta-1")).toEqual(before);
  });

  it("run in their host, with its name", async () => {
    const { pid } = lab.daemonProcess("alpha-2")!;
    const { stdout } = await lab.exec("alpha-2", ["readlink", "/proc/self/ns/net"]);
    const own = await lab.exec("alpha-2", ["readlink", `/proc/${pid}/ns/net`]);
    expect(own.stdout).toBe(stdout);
  });

  it("pause and resume", async () => {
    await lab.pause(["alpha-2"]);
    expect(lab.daemonState("alpha-2")).toBe("paused");
    await lab.resume(["alpha-2"]);
    expect(await lab.api("alpha-2", "GET", "/v1/status")).toMatchObject({ health: "healthy" });
  });

  it("stop, are killed, and come back without another token", async () => {
    await lab.stop(["beta-1"]);
    await lab.kill(["beta-2"]);
    expect(states()).toEqual(["running", "running", "gone", "gone"]);
    await expect(lab.kill(["beta-2"])).rejects.toThrow("no daemon runs on beta-2");
    await lab.stop(["beta-1"]); // again: nothing to do
    await lab.start(["beta-1", "beta-2"], options);
    expect([tokenOf("beta-1"), tokenOf("beta-2")]).toEqual(["kept", "kept"]);
  });

  it("get a new token when the state is lost", async () => {
    await lab.kill(["beta-2"]);
    rmSync(lab.paths("beta-2").state, { recursive: true });
    await lab.start(["beta-2"], options);
    expect(tokenOf("beta-2")).toBe("t4");
  });

  it("that do not join are named with their reason", async () => {
    await lab.kill(["beta-1"]);
    rmSync(lab.paths("beta-1").state, { recursive: true });
    writeFileSync(join(lab.paths("alpha-1").state, "refuse"), "");
    const start = lab.start(["beta-1", "beta-2"], { ...options, waitMs: 1500 });
    await expect(start).rejects.toThrow("not joined: beta-1 (pending: waits for admission)");
  });

  it("that end are named with their last words, at once", async () => {
    await lab.kill(["beta-2"]);
    const program = ["sh", "-c", "echo no such key >&2; exit 1", "sh"];
    const start = lab.start(["beta-2"], { program, waitMs: 60_000 });
    await expect(start).rejects.toThrow("beta-2 (ended: no such key)");
  });
});
