import { existsSync, readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { findAll, putRecords } from "../../daemon/bench/overlay/records-set.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";
import { withArguments } from "./overlay-bed.ts";

describe.skipIf(LAB_MISSING !== undefined)("a host's life", () => {
  let bed: Bed;

  beforeAll(async () => {
    const sites = [
      "{ name: alpha, hosts: 2, uplink: { delay: 5ms } }",
      "{ name: beta, hosts: 1, uplink: { delay: 5ms } }",
      "{ name: gamma, hosts: 1, uplink: { delay: 5ms } }",
    ];
    bed = await openBed({ name: ownLabName("life"), sites });
    await bed.start(["alpha-1", "alpha-2", "beta-1"]);
    await bed.settle(2, 3);
  });

  afterAll(async () => {
    await bed?.close();
  });

  it("goes on in its subnet after a restart, with what it kept", async () => {
    const before = (await bed.status("beta-1")).subnet.id;
    const records = await putRecords(bed, "restart", "2", 12);
    await bed.lab.stop(["beta-1"]);
    await bed.start(["beta-1"]);
    const { subnet, bootstrap } = await bed.status("beta-1");
    expect(subnet).toMatchObject({ id: before, joinedVia: "resumed" });
    expect(bootstrap.contacts).toBe(0); // it remembers its neighbours
    await bed.settle(2, 3);
    expect(await findAll(bed, records)).toMatchObject({ lost: [] });
  });

  it("survives a power cut of the whole overlay", async () => {
    const before = (await bed.status("alpha-1")).subnet.id;
    const records = await putRecords(bed, "power", "2", 12);
    await bed.lab.kill(bed.running());
    await bed.start(["alpha-1", "alpha-2", "beta-1"]);
    await bed.settle(2, 3, 60_000);
    expect((await bed.status("alpha-1")).subnet.id).toBe(before);
    expect((await bed.status("alpha-2")).subnet.id).toBe(before);
    const found = async (): Promise<boolean> => (await findAll(bed, records)).lost.length === 0;
    expect(await bed.until(found, 30_000, 500)).toBeLessThan(30_000);
  });

  it("carries no packet beyond the link with --no-wan", async () => {
    const capture = await bed.capture("gamma");
    const program = withArguments("--no-wan");
    await bed.guard(bed.lab.start(["gamma-1"], { program, waitMs: 5_000 }).catch(() => {}));
    await bed.pause(3_000);
    const isOnLink = (address: string): boolean => /^10\.3\.0\.|^224\.|^fe80:|^ff02:/.test(address);
    const packets = await capture.stop();
    await bed.lab.stop(["gamma-1"]);
    expect(packets.length).toBeGreaterThan(0);
    const beyond = packets.filter((one) => !isOnLink(one.destination) || !isOnLink(one.source));
    expect(beyond.map(({ destination }) => destination)).toEqual([]);
  });

  it("ends in the overlay with leave, and the host may come back with a token", async () => {
    const { id } = (await bed.status("alpha-2")).host;
    const records = await putRecords(bed, "resign", "2", 12, ["alpha-2", "beta-1"]);
    const { status } = await bed.lab.exec("alpha-2", ["causeway", "leave"]);
    expect(status).toBe(0);
    expect(bed.lab.daemonState("alpha-2")).toBe("gone");
    await bed.settle(2, 2);
    expect(await findAll(bed, records)).toMatchObject({ lost: [] });
    // The key stays, the membership does not.
    expect(readdirSync(bed.lab.paths("alpha-2").state)).toContain("host.key");
    expect(existsSync(`${bed.lab.paths("alpha-2").state}/overlay.json`)).toBe(false);
    const made = await bed.lab.exec("alpha-1", ["causeway", "token"]);
    const run = [
      "sh",
      "-c",
      "causeway up --interface eth0 --join - 2>/dev/null <<TOKEN\n$0\nTOKEN",
    ];
    bed.lab.spawn("alpha-2", [...run, made.stdout.trim()], { stdio: "ignore" });
    const isBack = async (): Promise<boolean> => {
      const { health, host } = await bed.status("alpha-2");
      return health === "healthy" && host.id === id;
    };
    expect(await bed.until(isBack, 30_000, 200)).toBeLessThan(30_000);
    await bed.lab.exec("alpha-2", ["causeway", "down"]);
  });

  it("leaves nothing behind with leave --forget", async () => {
    const { stdout, status } = await bed.lab.exec("beta-1", ["causeway", "leave", "--forget"]);
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: "left the overlay and wiped the state\n",
    });
    const { state } = bed.lab.paths("beta-1");
    expect(existsSync(state) ? readdirSync(state) : []).toEqual([]);
    expect(await bed.settle(1, 1, 30_000)).toBeLessThan(30_000);
  });
});
