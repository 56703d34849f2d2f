import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inboxKey, keyBytes, typeKey, wordKey } from "../../../bridge/exchange/keys.ts";
import { originIdOf } from "../../../bridge/exchange/service-record.ts";
import { encodeOpenRequest, RELAY_PROTOCOL, withLength } from "../../../bridge/relay/opening.ts";
import { fromBase32 } from "../../../platform/base32.ts";
import { isEqualBytes, utf8 } from "../../../platform/bytes.ts";
import { aService, BridgeBed, type BedHost, eventually, keysOf, subnetOf } from "./bridge-bed.ts";

let bed: BridgeBed;

beforeEach(() => {
  bed = new BridgeBed();
});

afterEach(() => bed.stop());

const EXPORT_ALL = { type: "export", serviceType: "all" } as const;
const IMPORT_DAAP = { type: "import", types: ["daap"] } as const;
const NAME = "Tom's Music v1.2";

describe("a service of one site at another", () => {
  it("is shown with its exact name and TXT, at the importer's own host name and address", async () => {
    const a = await bed.start("a", "anna");
    const b = await bed.start("b", "berta");
    await bed.link("a").open().register(registration(aService()), []);
    await a.bridge.setRule(EXPORT_ALL);
    await b.bridge.setRule(IMPORT_DAAP);
    const [shown] = await eventually(() => {
      const list = bed.link("b").list("_daap._tcp");
      return list[0]?.addresses.length === 1 && list;
    });
    expect(shown).toMatchObject({ instance: NAME, txt: [utf8("Version=1")], port: 3689 });
    expect(shown!.host[0]).toMatch(new RegExp(`^cw-${subnetOf("b").slice(0, 8)}-[0-3]$`));
    expect(b.bridge.services().imported).toMatchObject([
      { instance: NAME, shownAs: NAME, originHost: a.id, way: "relay", reason: "" },
    ]);
    expect(a.bridge.services().local).toMatchObject([{ instance: NAME, isExported: true }]);
  });

  it("goes when it is withdrawn, and when its rule is taken away", async () => {
    const { a } = await twoSites();
    const other = await bed
      .link("a")
      .open()
      .register(registration(aService({ instance: "Other" })), []);
    await eventually(() => bed.link("b").list("_daap._tcp").length === 2);
    await other.withdraw();
    await eventually(() => bed.link("b").list("_daap._tcp").length === 1);
    await a.bridge.removeRule(EXPORT_ALL);
    await eventually(() => bed.link("b").list("_daap._tcp").length === 0);
    expect(bed.directory.all).toEqual([]);
  });

  it("goes when its host no longer answers, and comes back when it does", async () => {
    await twoSites();
    bed.silent.add("toms-mac.local");
    await eventually(() => bed.link("b").list("_daap._tcp").length === 0, 4000);
    bed.silent.clear();
    await eventually(() => bed.link("b").list("_daap._tcp").length === 1, 4000);
  });

  it("goes at its goodbye, before the link forgets it, and comes back when it is rescued", async () => {
    await twoSites();
    bed.goodbyes.get("anna")!({ instance: NAME, type: "_daap._tcp" });
    await eventually(() => bed.link("b").list("_daap._tcp").length === 0, 500);
    expect(bed.link("a").list("_daap._tcp").length).toBe(1);
    await eventually(() => bed.link("b").list("_daap._tcp").length === 1, 3000);
  });

  it("follows a change of TXT without being withdrawn", async () => {
    const { registered } = await twoSites();
    await registered.update(aService({ txt: [utf8("Version=2")] }));
    await eventually(() => isEqual(bed.link("b").list("_daap._tcp")[0]?.txt[0], "Version=2"));
    expect(bed.link("b").log).not.toContain(`- ${NAME.toLowerCase()}`);
  });

  it("is not shown, and does not come home, where no rule says so", async () => {
    const { a, b } = await twoSites();
    const c = await bed.start("c", "carla");
    await a.bridge.setRule({ type: "import", types: ["all"] });
    await b.bridge.setRule(EXPORT_ALL);
    await new Promise((done) => setTimeout(done, 500));
    expect(bed.link("c").list("_daap._tcp")).toEqual([]);
    expect(bed.link("a").list("_daap._tcp").length).toBe(1);
    expect(c.bridge.services().imported).toEqual([]);
    expect(b.bridge.services().local).toEqual([]);
    // Its own service is no service of others, and no reason to worry.
    expect(a.bridge.services().imported).toEqual([]);
    expect(a.bridge.explain().map(({ code }) => code)).not.toContain("bridge-not-shown");
  });

  it("is renamed once where its name is taken, and keeps that name after a restart", async () => {
    const directory = bed.stateDir();
    const a = await bed.start("a", "anna");
    const c = await bed.start("c", "carla");
    const b = await bed.start("b", "berta", directory);
    await bed.link("a").open().register(registration(aService()), []);
    await bed
      .link("c")
      .open()
      .register(registration(aService({ port: 4000 })), []);
    await a.bridge.setRule(EXPORT_ALL);
    await b.bridge.setRule(IMPORT_DAAP);
    const names = (): string[] =>
      bed
        .link("b")
        .list("_daap._tcp")
        .map(({ instance }) => instance);
    await eventually(() => names().length === 1);
    await c.bridge.setRule(EXPORT_ALL);
    await eventually(() => names().length === 2);
    expect(names()).toEqual([NAME, `${NAME} (carla)`]);
    const origins = b.bridge.services().imported.map(({ origin, shownAs }) => [origin, shownAs]);
    await b.bridge.stop();
    const again = await bed.start("b", "berta", directory);
    await eventually(() => names().length === 2);
    expect(names()).toEqual([NAME, `${NAME} (carla)`]);
    expect(again.bridge.services().imported.map((one) => [one.origin, one.shownAs])).toEqual(
      origins,
    );
  });
});

describe("a service for named peers alone", () => {
  it("is shown there, and holders of every record learn neither its type nor its name", async () => {
    const a = await bed.start("a", "anna");
    const b = await bed.start("b", "berta");
    const c = await bed.start("c", "carla");
    await bed.link("a").open().register(registration(aService()), []);
    await a.bridge.setRule({ ...EXPORT_ALL, to: [b.id] });
    await b.bridge.setRule(IMPORT_DAAP);
    await c.bridge.setRule(IMPORT_DAAP);
    await eventually(() => bed.link("b").list("_daap._tcp").length === 1);
    await new Promise((done) => setTimeout(done, 200));
    expect(bed.link("c").list("_daap._tcp")).toEqual([]);
    const [record, ...others] = bed.directory.all;
    expect(others).toEqual([]);
    expect(record!.value.length).toBe(512 + 48);
    const names = [
      NAME,
      "_daap._tcp",
      "bridge/type/_daap._tcp",
      wordKey(NAME),
      typeKey("_daap._tcp"),
    ];
    const origin = originIdOf({ originSubnet: subnetOf("a"), instance: NAME, type: "_daap._tcp" });
    for (const text of [...names, origin])
      expect(Buffer.from(record!.value).includes(text), text).toBe(false);
    expect(record!.slot).not.toBe(origin);
    expect(record!.key).toEqual(keyBytes(inboxKey(b.id)));
  });

  it("answers whoever guesses its name and type as it answers who guesses wrong", async () => {
    const a = await bed.start("a", "anna");
    const b = await bed.start("b", "berta");
    await bed.link("a").open().register(registration(aService()), []);
    await a.bridge.setRule({ ...EXPORT_ALL, to: [b.id] });
    await eventually(() => bed.directory.all.length === 1);
    const stranger = bed.subnets.add(keysOf("carla").id, subnetOf("c")).streams;
    const ask = async (instance: string): Promise<Buffer> => {
      const id = originIdOf({ originSubnet: subnetOf("a"), instance, type: "_daap._tcp" });
      const stream = await stranger.dial(a.id, RELAY_PROTOCOL, AbortSignal.timeout(1000));
      const request = encodeOpenRequest({ protocol: "tcp", origin: fromBase32(id) });
      await stream.write(withLength(request));
      const answer: Uint8Array[] = [];
      for await (const bytes of stream.bytes) answer.push(bytes);
      await stream.closeWrite();
      return Buffer.concat(answer);
    };
    const right = await ask(NAME);
    expect(right[1]).toBe(2);
    expect(right).toEqual(await ask("No such name"));
  });

  it("is sealed anew when a host joins the subnet that is named", async () => {
    const a = await bed.start("a", "anna");
    const b = await bed.start("b", "berta");
    await bed.link("a").open().register(registration(aService()), []);
    await a.bridge.setRule({ ...EXPORT_ALL, to: [`subnet:${subnetOf("b")}`] });
    await b.bridge.setRule(IMPORT_DAAP);
    await eventually(() => bed.link("b").list("_daap._tcp").length === 1);
    const second = await bed.start("b", "second");
    const inbox = keyBytes(inboxKey(second.id));
    await eventually(() => bed.directory.all.some(({ key }) => isEqualBytes(key, inbox)), 4000);
  });
});

describe("three sites that export and import everything", () => {
  it("show each service once everywhere, under its name, and export none of each other's", async () => {
    const sites = ["a", "b", "c"];
    const hosts = await Promise.all(sites.map((site) => bed.start(site, `host-${site}`)));
    for (const site of sites)
      for (let i = 0; i < 20; i++) {
        const instance = `${site} ${i}`;
        const service = aService({ instance, port: 6000 + i, host: [`${site}-mac`, "local"] });
        await bed.link(site).open().register(registration(service), []);
      }
    for (const { bridge } of hosts) {
      await bridge.setRule(EXPORT_ALL);
      await bridge.setRule({ type: "import", types: ["all"] });
    }
    const counts = (): number[] => sites.map((site) => bed.link(site).list("_daap._tcp").length);
    await eventually(() => counts().every((count) => count === 60), 8000);
    await new Promise((done) => setTimeout(done, 1500));
    for (const site of sites) {
      const names = bed
        .link(site)
        .list("_daap._tcp")
        .map(({ instance }) => instance);
      expect(names.toSorted()).toEqual(
        sites.flatMap((one) => Array.from({ length: 20 }, (_, i) => `${one} ${i}`)).toSorted(),
      );
      expect(bed.link(site).log.filter((one) => one.startsWith("-"))).toEqual([]);
    }
    const origins = bed.directory.all.filter(({ slot }) => slot.length === 52);
    expect(new Set(origins.map(({ slot }) => slot)).size).toBe(60);
    expect(origins.length).toBe(120);
  }, 20_000);
});

describe("a service that is shown on one host alone", () => {
  it("is not shown to the link, and the link's name is free for others", async () => {
    const a = await bed.start("a", "anna");
    const b = await bed.start("b", "berta");
    await bed.link("a").open().register(registration(aService()), []);
    await a.bridge.setRule(EXPORT_ALL);
    await b.bridge.setRule({ ...IMPORT_DAAP, isLocalOnly: true });
    await eventually(() => bed.link("berta alone").list("_daap._tcp").length === 1);
    const [shown] = bed.link("berta alone").list("_daap._tcp");
    expect(shown!.addresses).toEqual(["127.0.0.1", "::1"]);
    expect(bed.link("b").list("_daap._tcp")).toEqual([]);
    expect(b.bridge.services().imported).toMatchObject([{ isLocalOnly: true, reason: "" }]);
  });
});

describe("a crew", () => {
  it("exports each service once, and shows it once, whichever of three hosts acts", async () => {
    const { b } = await threeHostsEach();
    await eventually(() => bed.link("b").list("_daap._tcp").length === 8, 8000);
    expect(bed.link("b").log.filter((one) => one.startsWith("-"))).toEqual([]);
    // One under its name and one under its type, once those of the first moments are handed over.
    const records = (): number => bed.directory.all.filter(({ slot }) => slot.length === 52).length;
    await eventually(() => records() === 16, 8000);
    expect(b.every(({ bridge }) => bridge.status().crew.length === 3)).toBe(true);
    for (const service of bed.link("b").list("_daap._tcp"))
      expect(service.addresses.length).toBe(1);
  }, 15_000);

  it("loses nothing on the link when the acting importer is killed", async () => {
    const { b } = await threeHostsEach();
    await settled(8);
    const acting = b.find(({ bridge }) => bridge.status().acting.length > 0)!;
    const duties = acting.bridge.status().acting.length;
    expect(duties).toBeGreaterThan(0);
    await acting.kill();
    await eventually(() =>
      bed
        .link("b")
        .list("_daap._tcp")
        .every(({ addresses }) => addresses.length === 1),
    );
    expect(bed.link("b").list("_daap._tcp").length).toBe(8);
    expect(bed.link("b").log.filter((one) => one.startsWith("-"))).toEqual([]);
  }, 15_000);

  it("listens at one port for a service on all hosts, though all services have the same one", async () => {
    const { b } = await threeHostsEach(() => 5000);
    await settled(8);
    const portsOf = ({ bridge }: BedHost): string =>
      bridge
        .services()
        .imported.flatMap(({ instance, shownAs, endpoint }) =>
          shownAs === null ? [] : [`${instance} ${endpoint.replace(/.*:/, "")}`],
        )
        .toSorted()
        .join();
    await eventually(() => new Set(b.map(portsOf)).size === 1, 8000);
    const ports = portsOf(b[0]!)
      .split(",")
      .map((text) => text.split(" ")[2]);
    expect(new Set(ports).size).toBe(8);
    expect(ports).toContain("5000");
  }, 20_000);

  it("goes on exporting when the acting exporter is killed: nothing goes at the importers", async () => {
    const { a } = await threeHostsEach();
    await settled(8);
    const acting = a.find(({ bridge }) => bridge.status().acting.length > 0)!;
    await acting.kill();
    const others = a.filter((host) => host !== acting);
    await eventually(
      () => new Set(others.flatMap(({ bridge }) => bridge.status().acting)).size === 4,
      3000,
    );
    await new Promise((done) => setTimeout(done, 300));
    const [observer] = others;
    const withdrawn = bed.link("a").list("_daap._tcp")[0]!;
    expect(bed.link("b").list("_daap._tcp").length).toBe(8);
    expect(bed.link("b").log.filter((one) => one.startsWith("-"))).toEqual([]);
    expect(observer!.bridge.services().local.map(({ exporter }) => exporter)).not.toContain(
      acting.id,
    );
    expect(withdrawn).toBeDefined();
  }, 15_000);
});

function registration(service: ReturnType<typeof aService>) {
  return { service, isShared: false, isTakeover: false };
}

function isEqual(bytes: Uint8Array | undefined, text: string): boolean {
  return bytes !== undefined && Buffer.from(bytes).toString() === text;
}

async function twoSites() {
  const a = await bed.start("a", "anna");
  const b = await bed.start("b", "berta");
  const registered = await bed.link("a").open().register(registration(aService()), []);
  await a.bridge.setRule(EXPORT_ALL);
  await b.bridge.setRule(IMPORT_DAAP);
  await eventually(() => bed.link("b").list("_daap._tcp").length === 1);
  return { a, b, registered };
}

async function threeHostsEach(portOf = (i: number): number => 5000 + i) {
  const a = await Promise.all(["a1", "a2", "a3"].map((name) => bed.start("a", name)));
  const b = await Promise.all(["b1", "b2", "b3"].map((name) => bed.start("b", name)));
  const isCrew = ({ bridge }: BedHost): boolean => bridge.status().crew.length === 3;
  await eventually(() => [...a, ...b].every(isCrew));
  const printer = bed.link("a").open();
  for (let i = 0; i < 8; i++)
    await printer.register(
      registration(aService({ instance: `Service ${i}`, port: portOf(i) })),
      [],
    );
  await a[0]!.bridge.setRule(EXPORT_ALL);
  await b[0]!.bridge.setRule(IMPORT_DAAP);
  return { a, b };
}

/** All shown, each by all of the crew. */
async function settled(count: number): Promise<void> {
  await eventually(() => bed.link("b").list("_daap._tcp").length === count, 8000);
  await new Promise((done) => setTimeout(done, 800));
}
