import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, withBed, type Bed } from "../../daemon/bench/bed.ts";
import { isWhole } from "../../daemon/bench/overlay/merge.ts";
import { findAll, putRecords } from "../../daemon/bench/overlay/records-set.ts";
import { measureCarry, measureReaddress, measureSleep } from "../../daemon/bench/overlay/roam.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";
import { endDaemon, explains, runDaemon, type RunningDaemon } from "./overlay-bed.ts";

/** To that host's clock the others are two months ahead of what its disk says. */
const TWO_MONTHS = `data:text/javascript,const now=Date.now;Date.now=()=>now()+61*86400000;`;
/** The bar is 2 s; a machine that others use at the same time gets the double. */
const BACK_MS = 4_000;

describe.skipIf(LAB_MISSING !== undefined)("a laptop", () => {
  let bed: Bed;
  const daemons: RunningDaemon[] = [];

  beforeAll(async () => {
    const sites = [
      "{ name: alpha, hosts: 3, uplink: { delay: 5ms } }",
      "{ name: beta, hosts: 2, uplink: { delay: 5ms } }",
      "{ name: gamma, hosts: 1, uplink: { delay: 5ms } }",
    ];
    bed = await openBed({ name: ownLabName("roam"), sites });
    await bed.start();
    await bed.settle(3, 6);
  });

  afterAll(async () => {
    for (const daemon of daemons) await endDaemon(daemon);
    await bed?.close();
  });

  it("carried between two sites changes subnet, merges nothing and loses nothing", async () => {
    const records = await putRecords(bed, "carry", "2", 12);
    const owned = await putRecords(bed, "owned", "one", 4, ["alpha-3"]);
    const { backMs, strays } = await measureCarry(bed, "alpha-3", ["beta", "alpha"], 6, records);
    expect(strays).toEqual([]);
    expect(Math.max(...backMs)).toBeLessThan(BACK_MS);
    expect((await findAll(bed, [...records, ...owned])).lost).toEqual([]);
  });

  it("with another address on the same link stays in its subnet", async () => {
    const before = (await bed.status("alpha-3")).subnet.id;
    expect(await measureReaddress(bed, "alpha-3", "10.1.0.90")).toBeLessThan(BACK_MS);
    expect(await measureReaddress(bed, "alpha-3", "10.1.0.13")).toBeLessThan(BACK_MS);
    expect((await bed.status("alpha-3")).subnet.id).toBe(before);
  });

  it("that wakes up is back at once", async () => {
    expect(await measureSleep(bed, "alpha-3", 6_000)).toBeLessThan(BACK_MS);
  });

  it("whose only interface is pulled out comes back with it", async () => {
    const { id } = (await bed.status("alpha-3")).host;
    const { subnet } = await bed.status("alpha-1");
    await bed.lab.unplug("alpha-3");
    await bed.pause(6_000);
    expect(await explains(bed, "alpha-3", "no-link")).toBe(true);
    await bed.lab.plug("alpha-3");
    const isIn = async (): Promise<boolean> =>
      (await bed.status("alpha-1")).subnet.hosts.some((host) => host.id === id) &&
      (await bed.status("alpha-3")).subnet.id === subnet.id;
    expect(await bed.until(isIn, 20_000)).toBeLessThan(BACK_MS);
  });

  it("started without any interface waits, says so, and joins when one comes", async () => {
    await bed.lab.stop(["beta-2"]);
    await bed.lab.unplug("beta-2");
    const child = bed.lab.spawn("beta-2", ["causeway", "up"], { stdio: "ignore" });
    try {
      expect(await explains(bed, "beta-2", "no-link")).toBe(true);
      expect(await bed.status("beta-2")).toMatchObject({ health: "joining" });
      expect((await bed.status("beta-2")).reason).toMatch(/no usable network interface/);
      await bed.lab.plug("beta-2");
      const isIn = async (): Promise<boolean> => isWhole(bed, ["beta-1", "beta-2"]);
      expect(await bed.until(isIn, 20_000)).toBeLessThan(2 * BACK_MS);
    } finally {
      await bed.lab.exec("beta-2", ["causeway", "down"]);
      child.kill("SIGTERM");
    }
    await bed.start(["beta-2"]);
  });

  it("prefers the wire: its default route moves, and it stays in its subnet", async () => {
    await bed.lab.stop(["beta-2"]);
    const ip = (...argv: string[]): Promise<unknown> => bed.lab.exec("beta-2", ["ip", ...argv]);
    // A second interface on the same link, as a docked laptop has: beside the bridge, by macvlan.
    await ip("link", "add", "wlan0", "link", "eth0", "type", "macvlan", "mode", "bridge");
    await ip("link", "set", "wlan0", "up");
    await ip("address", "add", "10.2.0.99/24", "dev", "wlan0");
    await ip("route", "del", "default");
    await ip("route", "add", "default", "via", "10.2.0.1", "dev", "wlan0");
    const child = bed.lab.spawn("beta-2", ["causeway", "up"], { stdio: "ignore" });
    try {
      const isOn = (name: string) => async (): Promise<boolean> => {
        const { link } = await bed.status("beta-2");
        return link.interface === name && (await isWhole(bed, ["beta-1", "beta-2"]));
      };
      expect(await bed.until(isOn("wlan0"), 20_000)).toBeLessThan(20_000);
      const before = (await bed.status("beta-1")).subnet.id;
      await ip("route", "replace", "default", "via", "10.2.0.1", "dev", "eth0");
      expect(await bed.until(isOn("eth0"), 20_000)).toBeLessThan(BACK_MS);
      expect((await bed.status("beta-2")).subnet.id).toBe(before);
    } finally {
      await bed.lab.exec("beta-2", ["causeway", "down"]);
      child.kill("SIGTERM");
      await ip("link", "del", "wlan0");
    }
    await bed.start(["beta-2"]);
  });
});

describe.skipIf(LAB_MISSING !== undefined)("a link", () => {
  it("with link-local addresses alone is a subnet like others", async () => {
    const sites = ["{ name: alpha, ipv4: false, ipv6: link-local, hosts: 3 }"];
    await withBed({ name: ownLabName("roamll"), sites }, async (bed) => {
      await bed.start();
      await bed.need("one subnet of three", () => isWhole(bed, bed.hosts()), 20_000);
      const records = await putRecords(bed, "local", "2", 6);
      expect((await findAll(bed, records)).lost).toEqual([]);
      const { subnet } = await bed.status("alpha-1");
      expect(subnet.hosts.flatMap((host) => host.addresses)).toEqual([]); // they are nobody else's
      await bed.lab.kill(["alpha-2"]);
      await bed.need("two are left", () => isWhole(bed, ["alpha-1", "alpha-3"]), 10_000);
      await bed.start(["alpha-2"]);
      await bed.need("three again", () => isWhole(bed, bed.hosts()), 10_000);
      expect((await bed.status("alpha-2")).subnet.id).toBe(subnet.id);
    });
  });

  it("with IPv6 alone reaches other sites", async () => {
    const sites = [1, 2].map((n) => `{ name: site${n}, ipv4: false, hosts: 2 }`);
    await withBed({ name: ownLabName("roam6"), sites }, async (bed) => {
      await bed.start();
      await bed.settle(2, 4);
      const records = await putRecords(bed, "six", "2", 6);
      expect((await findAll(bed, records)).lost).toEqual([]);
      expect(await measureReaddress(bed, "site1-2", "fd00:1::90")).toBeLessThan(BACK_MS);
    });
  });
});

describe.skipIf(LAB_MISSING !== undefined)("sites with the same addresses", () => {
  it("stay two subnets, though prefix and gateway address are the same at both", async () => {
    const sites = [
      "{ name: hub, hosts: 1, uplink: { delay: 5ms } }",
      "{ name: alpha, hosts: 2, nat: true, uplink: { delay: 5ms } }",
      "{ name: beta, hosts: 1, nat: true, uplink: { delay: 5ms } }",
    ];
    await withBed({ name: ownLabName("rnat"), sites }, async (bed) => {
      await bed.start();
      const records = await putRecords(bed, "same", "2", 4, ["hub-1"]);
      await bed.need("alpha is whole", () => isWhole(bed, bed.hosts("alpha")), 20_000);
      const places = ["beta", "alpha"];
      const { backMs, strays } = await measureCarry(bed, "alpha-2", places, 4, records);
      expect(strays).toEqual([]);
      expect(Math.max(...backMs)).toBeLessThan(2 * BACK_MS);
      const subnets = await Promise.all(["alpha-1", "beta-1"].map((host) => bed.status(host)));
      expect(new Set(subnets.map(({ subnet }) => subnet.id)).size).toBe(2);
    });
  });
});

describe.skipIf(LAB_MISSING !== undefined)("a host that was off for two months", () => {
  it("comes back by itself, though only one of those it knew has its address still", async () => {
    const sites = ["alpha", "beta", "gamma", "delta"].map(
      (name) => `{ name: ${name}, hosts: 1, uplink: { delay: 5ms } }`,
    );
    await withBed({ name: ownLabName("roam2m"), sites }, async (bed) => {
      await bed.start();
      await bed.settle(4, 4);
      const records = await putRecords(bed, "months", "2", 4, ["beta-1"]);
      const before = (await bed.status("delta-1")).subnet.id;
      await bed.lab.stop(["delta-1"]);
      await bed.lab.readdress("alpha-1", "10.1.0.90");
      await bed.lab.readdress("beta-1", "10.2.0.90");
      await bed.pause(5_000);
      const daemon = runDaemon(bed, "delta-1", [], {
        NODE_OPTIONS: `--import ${JSON.stringify(TWO_MONTHS)}`,
      });
      try {
        await bed.settle(4, 4, 30_000);
        expect((await bed.status("delta-1")).subnet).toMatchObject({
          id: before,
          joinedVia: "resumed",
        });
        expect((await findAll(bed, records, ["delta-1"])).lost).toEqual([]);
      } finally {
        await endDaemon(daemon);
      }
    });
  });
});

describe.skipIf(LAB_MISSING !== undefined)("a power cut", () => {
  it.each([
    { order: ["alpha-1", "alpha-2", "alpha-3"], routerAfter: 3 },
    { order: ["alpha-3", "alpha-1", "alpha-2"], routerAfter: 1 },
  ])("of a site and its router ends in the same subnet, $order", async ({ order, routerAfter }) => {
    const sites = [
      "{ name: alpha, hosts: 3, uplink: { delay: 5ms } }",
      "{ name: beta, hosts: 1, uplink: { delay: 5ms } }",
    ];
    await withBed({ name: ownLabName("roampc"), sites }, async (bed) => {
      await bed.start();
      await bed.settle(2, 4);
      const before = (await bed.status("alpha-1")).subnet.id;
      const records = await putRecords(bed, "power", "all", 8);
      await bed.pause(1_000);
      await bed.lab.kill(bed.hosts("alpha"));
      setRouter(bed, "alpha", "down");
      await Promise.all(
        bed.hosts("alpha").map((host) => bed.lab.exec(host, ["ip", "neighbour", "flush", "all"])),
      );
      await bed.pause(1_000);
      const daemons: RunningDaemon[] = [];
      for (const [i, host] of order.entries()) {
        if (i === routerAfter) setRouter(bed, "alpha", "up");
        daemons.push(runDaemon(bed, host));
        await bed.pause(i === 0 ? 100 : 900);
      }
      if (routerAfter === order.length) {
        await bed.need("one subnet without a router", () => isWhole(bed, order), 30_000);
        expect((await bed.status("alpha-1")).subnet.id).toBe(before);
        setRouter(bed, "alpha", "up");
      }
      await bed.need("one subnet again", () => isWhole(bed, order), 30_000);
      for (const host of order) expect((await bed.status(host)).subnet.id).toBe(before);
      const isFound = async (): Promise<boolean> => (await findAll(bed, records)).lost.length === 0;
      expect(await bed.until(isFound, 60_000, 500)).toBeLessThan(60_000);
      for (const daemon of daemons) await endDaemon(daemon);
    });
  });
});

/** The router's leg on a site's link, gone as if it had no power. */
function setRouter(bed: Bed, site: string, state: "up" | "down"): void {
  const { record } = bed.lab;
  execFileSync("ip", ["-n", record.coreNamespace, "link", "set", "dev", site, state]);
}

describe.skipIf(LAB_MISSING !== undefined)("two strangers' laptops in a café", () => {
  it.each(["unlocked", "locked"])("of %s overlays leave each other alone", async (how) => {
    const sites = [
      "{ name: home1, hosts: 2, uplink: { delay: 5ms } }",
      "{ name: home2, hosts: 2, uplink: { delay: 5ms } }",
      "{ name: cafe, hosts: 1, uplink: { delay: 5ms } }",
    ];
    await withBed({ name: ownLabName("roamcf"), sites }, async (bed) => {
      const homes = [
        ["home1-1", "home1-2"],
        ["home2-1", "home2-2"],
      ] as const;
      const daemons = homes.map(([first]) => runDaemon(bed, first));
      for (const home of homes) {
        await bed.need(
          "it is up",
          async () => (await bed.status(home[0])).health === "healthy",
          20_000,
        );
        daemons.push(runDaemon(bed, home[1]));
        await bed.need("both are in", () => isWhole(bed, home), 20_000);
        if (how === "locked") await bed.lab.exec(home[0], ["causeway", "token"]);
      }
      const laptops = homes.map(([first]) => first);
      const overlays = await Promise.all(laptops.map((host) => bed.status(host)));
      for (const laptop of laptops) await bed.lab.move(laptop, "cafe");
      await bed.need(
        "they see each other",
        async () => explains(bed, laptops[0]!, "foreign-overlay"),
        20_000,
      );
      await bed.pause(8_000);
      for (const [i, laptop] of laptops.entries()) {
        const { overlay, subnet, health } = await bed.status(laptop);
        expect(overlay.id).toBe(overlays[i]!.overlay.id);
        expect(subnet.id).not.toBe(overlays[i]!.subnet.id);
        expect(subnet.hosts).toHaveLength(1);
        expect(["healthy", "isolated"]).toContain(health);
      }
      for (const [i, laptop] of laptops.entries()) {
        await bed.lab.move(laptop, `home${i + 1}`);
        await bed.need("it is home", () => isWhole(bed, homes[i]!), 20_000);
        expect((await bed.status(laptop)).subnet.id).toBe(overlays[i]!.subnet.id);
      }
      for (const daemon of daemons) await endDaemon(daemon);
    });
  });
});
