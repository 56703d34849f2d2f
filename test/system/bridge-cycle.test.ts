/**
 * Three sites that export and import everything in a cycle, with Avahi everywhere: each service is at
 * each site once, under its own name, and nothing goes round.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { causeway, listed, StaticServices } from "./fixtures/bridge-site.ts";
import { countUnicastAnswers } from "./fixtures/unicast-asker.ts";
import { avahiBrowse, AvahiObserver } from "./fixtures/zeroconf.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const SITES = ["a", "b", "c"];
/** Two hosts of each site run daemons; the third has the services, and the user. */
const HOSTS = SITES.flatMap((site) => [`${site}-1`, `${site}-2`]);
const WEB = "_http._tcp";
const TWIN = "_cwtwin._tcp";
const SERVICES = 20;
/** A minute; ten in the long tests. */
const WATCH_MS = Number(process.env["CAUSEWAY_CYCLE_MINUTES"] ?? 1) * 60_000;
const LOOK_EVERY_MS = 10_000;
const IDLE_MS = 20_000;
const MULTICAST = new Set(["224.0.0.251", "ff02:0:0:0:0:0:0:fb"]);

function namesOf(site: string): string[] {
  return Array.from({ length: SERVICES }, (_, i) => `${site} ${i}`);
}

const ALL = SITES.flatMap(namesOf).toSorted();

describe.skipIf(LAB_MISSING !== undefined)("three sites in a cycle", () => {
  let bed: Bed;
  const observers: AvahiObserver[] = [];

  beforeAll(async () => {
    const sites = SITES.map(
      (name) => `{ name: ${name}, hosts: 3, avahi: true, uplink: { delay: 5ms } }`,
    );
    bed = await openBed({ name: ownLabName("cycl"), sites });
    for (const site of SITES) {
      const services = new StaticServices(bed, `${site}-3`);
      for (const [i, name] of namesOf(site).entries())
        services.add(name, WEB, 8000 + i, [`i=${i}`]);
    }
    new StaticServices(bed, "a-3").add("Twin", TWIN, 5001, ["from=a"]);
    new StaticServices(bed, "b-3").add("Twin", TWIN, 5002, ["from=b"]);
    await bed.start(HOSTS, 90_000);
    await bed.settle(3, HOSTS.length);
    for (const site of SITES) observers.push(new AvahiObserver(bed.lab, `${site}-3`, WEB));
    for (const observer of observers) await observer.needCount(SERVICES);
    for (const site of SITES) {
      await causeway(bed, `${site}-1`, "export", "all");
      await causeway(bed, `${site}-1`, "import", "--type", "all");
    }
  }, 180_000);

  afterAll(async () => {
    for (const observer of observers) observer.close();
    await bed?.close();
  });

  it(
    "has each service at each site, in its name, all the time",
    async () => {
      for (const observer of observers) await observer.needCount(ALL.length, 60_000);
      for (const endMs = Date.now() + WATCH_MS; Date.now() < endMs;) {
        for (const site of SITES) {
          const found = (await avahiBrowse(bed.lab, `${site}-3`, WEB)).filter(
            ({ family }) => family === "IPv4",
          );
          expect(found.map(({ instance }) => instance).toSorted(), site).toEqual(ALL);
          for (const { instance, txt } of found)
            expect(txt).toEqual([`i=${instance.split(" ")[1]}`]);
        }
        for (const observer of observers) expect(observer.present().toSorted()).toEqual(ALL);
        await bed.pause(Math.min(LOOK_EVERY_MS, Math.max(0, endMs - Date.now())));
      }
      for (const observer of observers)
        for (const name of ALL) expect(observer.removals(name)).toBe(0);
    },
    WATCH_MS + 180_000,
  );

  it("exports what is at home there and nothing else", async () => {
    for (const site of SITES) {
      const hosts = HOSTS.filter((host) => host.startsWith(site));
      const metrics = await Promise.all(hosts.map((host) => bed.metrics(host)));
      const exported = metrics.map((one) => one.get("bridge_exported_services") ?? 0);
      const own = SERVICES + (site === "c" ? 0 : 1);
      expect(
        exported.reduce((sum, count) => sum + count, 0),
        site,
      ).toBe(own);
      for (const host of hosts) {
        const { local, imported } = await listed(bed, host);
        const web = local.filter(({ type }) => type === WEB).map(({ instance }) => instance);
        expect(web.toSorted(), host).toEqual(namesOf(site).toSorted());
        const others = imported.filter(({ type, shownAs }) => type === WEB && shownAs !== null);
        expect(new Set(others.map(({ origin }) => origin)).size).toBe(others.length);
        expect(others.map(({ instance }) => instance).toSorted()).toEqual(
          ALL.filter((name) => !name.startsWith(site)),
        );
      }
    }
  }, 60_000);

  it("leaves Avahi what is sent to its own address", async () => {
    for (const site of SITES)
      expect(await countUnicastAnswers(bed.lab, `${site}-3`, `${site}-1`), site).toBe(10);
  }, 60_000);

  it("is quiet when nothing changes: under a multicast packet a second of each host", async () => {
    for (const observer of observers.splice(0)) observer.close();
    await bed.pause(2000);
    const captures = await Promise.all(SITES.map((site) => bed.capture(site)));
    await bed.pause(IDLE_MS);
    const packets = (await Promise.all(captures.map((capture) => capture.stop()))).flat();
    const sent = new Map<string, number>();
    const multicast = packets.filter(({ destination }) => MULTICAST.has(destination));
    for (const { source } of multicast) sent.set(source, (sent.get(source) ?? 0) + 1);
    const rates: Record<string, number> = {};
    for (const host of bed.hosts()) {
      const count = (await addressesOf(host)).reduce((sum, one) => sum + (sent.get(one) ?? 0), 0);
      rates[host] = (1000 * count) / IDLE_MS;
    }
    console.log(`multicast packets a second: ${JSON.stringify(rates)}`);
    for (const [host, rate] of Object.entries(rates)) expect(rate, host).toBeLessThan(1);
  }, 60_000);

  it("shows two services of one name, of which one is renamed once, also after a restart", async () => {
    const before = await twins("c-3");
    expect(before.size).toBe(2);
    const names = [...before.values()];
    expect(names).toContain("Twin");
    expect(names.filter((name) => /^Twin \([ab]-[12]\)$/.test(name))).toHaveLength(1);
    expect((await twins("a-3")).get("a")).toBe("Twin");
    expect((await twins("b-3")).get("b")).toBe("Twin");
    expect((await twins("a-3")).get("b")).toMatch(/^Twin \(b-[12]\)$/);
    expect((await twins("b-3")).get("a")).toMatch(/^Twin \(a-[12]\)$/);
    const observer = new AvahiObserver(bed.lab, "c-3", TWIN);
    observers.push(observer);
    await observer.needCount(2);
    await bed.lab.stop(["c-1", "c-2"]);
    await observer.needCount(0);
    await bed.start(["c-1", "c-2"]);
    await observer.needCount(2, 30_000);
    await bed.pause(3000);
    expect(await twins("c-3")).toEqual(before);
    expect(observer.present().toSorted()).toEqual(names.toSorted());
  }, 120_000);

  /** Which name each site's twin has there. */
  async function twins(host: string): Promise<Map<string, string>> {
    const found = await avahiBrowse(bed.lab, host, TWIN);
    return new Map(found.map(({ txt, instance }) => [txt[0]!.replace("from=", ""), instance]));
  }

  /** On its link, IPv6 written as captures do. */
  async function addressesOf(host: string): Promise<string[]> {
    const { stdout } = await bed.lab.exec(host, ["ip", "-o", "-6", "addr", "show", "dev", "eth0"]);
    const six = [...stdout.matchAll(/inet6 (\S+)\//g)].map(([, address]) => expand(address!));
    return [bed.lab.address(host), ...six];
  }
});

/** `fe80::1` in eight groups. */
function expand(address: string): string {
  const [head = "", tail] = address.split("::");
  const left = head.split(":");
  if (tail === undefined) return left.join(":");
  const right = tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  return [...left, ...zeros, ...right].join(":");
}
