import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { measureCommands } from "../../daemon/bench/overlay/cli.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const SLACK = 3;

describe.skipIf(LAB_MISSING !== undefined)("commands on a host", () => {
  let bed: Bed;
  const [host] = ["alpha-1"];

  beforeAll(async () => {
    bed = await openBed({ name: ownLabName("cli"), sites: ["{ name: alpha, hosts: 2 }"] });
    await bed.start([host]);
  });

  afterAll(async () => {
    await bed?.close();
  });

  async function causeway(...args: readonly string[]) {
    const { status, stdout, stderr } = await bed.lab.exec(host, ["causeway", ...args]);
    return { status, stdout: stdout.trim(), stderr: stderr.trim() };
  }

  it.each([
    [["put", "key", "value", "--tll", "1h"], /--tll: unknown option; did you mean --ttl/],
    [["put", "key"], /VALUE: is missing/],
    [["put", "key", "value", "--ttl", "soon"], /--ttl: "soon" is not allowed/],
    [["put", "key", "value", "--copies", "many"], /--copies: "many" is not allowed/],
    [["put", "key", "value", "--slot", "s".repeat(65)], /slot/],
    [["get", "0x12", "more"], /one argument too many/],
    [["stauts"], /did you mean status/],
    [["bench", "overlai"], /allowed: overlay/],
    [["bench", "overlay", "--only", "jion"], /did you mean join/],
    [["up", "--port", "99999"], /port/],
    [["up", "--config", "/nonexistent.yaml"], /nonexistent/],
    [["up", "--join", "@/nonexistent"], /nonexistent/],
  ])("refuse %j with status 2 and a reason", async (args, reason) => {
    const { status, stdout, stderr } = await causeway(...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(reason);
    expect(stderr).not.toContain("    at "); // no stack
  });

  it("refuse a broken configuration with the key that is wrong", async () => {
    const file = join(bed.lab.paths("alpha-2").directory, "causeway.yaml");
    for (const [text, reason] of [
      ["replicas: many\n", /replicas.*whole number/],
      ["replica: 3\n", /replica.*did you mean.*replicas/],
      ["replicas: [\n", /causeway\.yaml/],
    ] as const) {
      writeFileSync(file, text);
      const { status, stderr } = await bed.lab.exec("alpha-2", [
        "causeway",
        "up",
        "--config",
        file,
      ]);
      expect(status).toBe(2);
      expect(stderr).toMatch(reason);
    }
  });

  it("end with status 1 where no daemon runs, and say how to start one", async () => {
    const { status, stderr } = await bed.lab.exec("alpha-2", ["causeway", "status"]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/no daemon at .*causeway\.sock; start one with "causeway up"/);
  });

  it("put, get, look up, remove and get again", async () => {
    expect(await causeway("put", "greeting", "hello", "--ttl", "1m")).toMatchObject({ status: 0 });
    const got = await causeway("get", "greeting", "--json");
    expect(JSON.parse(got.stdout)).toMatchObject({ records: [{ value: "hello" }] });
    expect((await causeway("lookup", "greeting")).stdout).toContain("1 record in");
    expect(await causeway("remove", "greeting")).toMatchObject({ status: 0 });
    const gone = JSON.parse((await causeway("get", "greeting", "--json")).stdout) as unknown;
    expect(gone).toMatchObject({ records: [] });
  });

  it("take not much longer than a bare node", async () => {
    const times = await measureCommands(bed.lab.paths(host).socket, 5);
    for (const { commandMs, bareMs } of times) expect(commandMs / bareMs).toBeLessThan(SLACK * 2.5);
  });
});
