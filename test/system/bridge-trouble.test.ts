/**
 * What is strange or wrong, through real back ends: fuzzed services, records that lie, rules and lines
 * that mean nothing. Each is told of clearly, and nothing else is disturbed.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeServiceRecord, originIdOf } from "../../bridge/exchange/service-record.ts";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { fuzzedServices } from "../bridge/io/fuzzed-services.ts";
import { BackendProcess, wireService, type WireService } from "./fixtures/backend-process.ts";
import { causeway, listed } from "./fixtures/bridge-site.ts";
import { avahiBrowse, AvahiObserver, avahiPublish } from "./fixtures/zeroconf.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const WEB = { instance: "Web", type: "_http._tcp", port: 8080, txt: ["path=/index"] };
const FUZZED = "_cwfuzz._tcp";
const FUZZED_COUNT = 60;
/** A multicast packet's worth beside its other records. */
const TXT_BYTES_MAX = 1000;

describe.skipIf(LAB_MISSING !== undefined)("the bridge in trouble", () => {
  let bed: Bed;
  let directory: string;
  let site = "";
  let exporter = "";
  let peer = "";
  let observer: AvahiObserver;
  const ending: { close(): unknown }[] = [];

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "causeway-records-"));
    const sites = ["a", "b"].map((name) => `{ name: ${name}, hosts: 2, avahi: true }`);
    bed = await openBed({ name: ownLabName("trbl"), sites: [...sites, "{ name: c, hosts: 1 }"] });
    await bed.start(["a-1", "b-1", "c-1"]);
    await bed.settle(3, 3);
    exporter = (await bed.status("a-1")).host.id;
    peer = (await bed.status("c-1")).host.id;
    const subnets = await bed.subnets("a-1");
    site = subnets.find(({ hosts }) => hosts.some(({ id }) => id === exporter))!.id;
    const web = await avahiPublish(bed.lab, "a-2", WEB);
    ending.push({ close: () => web.kill("SIGKILL") });
    await causeway(bed, "a-1", "export", "all");
    for (const host of ["a-1", "b-1"]) await causeway(bed, host, "import", "--type", "all");
    observer = new AvahiObserver(bed.lab, "b-2", WEB.type);
    ending.push(observer);
    await observer.needResolved("Web", ({ instance }) => instance === "Web");
  }, 120_000);

  afterAll(async () => {
    for (const one of ending) await one.close();
    await bed?.close();
    if (directory !== undefined) rmSync(directory, { recursive: true });
  });

  /** The web server is at the other site as it always was. */
  async function expectUndisturbed(): Promise<void> {
    expect(observer.removals("Web")).toBe(0);
    expect(observer.present()).toEqual(["Web"]);
    const found = await avahiBrowse(bed.lab, "b-2", WEB.type);
    expect(found).toContainEqual(expect.objectContaining(WEB));
  }

  /** What `explain` finds. */
  async function codes(): Promise<string[]> {
    return (await bed.explain("b-1")).map(({ code }) => code);
  }

  it(`carries ${FUZZED_COUNT} fuzzed names and TXT sets from Avahi to Avahi byte for byte`, async () => {
    const services = fuzzedServices(4 * FUZZED_COUNT, 7)
      .filter(({ txt }) => txt.reduce((sum, one) => sum + one.length, 0) < TXT_BYTES_MAX)
      .slice(0, FUZZED_COUNT)
      .map(({ instance, txt }, i) => ({
        ...{ instance, port: 10_000 + i, type: FUZZED },
        txt: txt.map((one) => Buffer.from(one).toString("hex")),
      }));
    expect(services).toHaveLength(FUZZED_COUNT);
    const near = await BackendProcess.open(bed.lab, "a-2", "avahi");
    const far = await BackendProcess.open(bed.lab, "b-2", "avahi");
    ending.push(near, far);
    await far.call("browse", { type: FUZZED, key: FUZZED });
    const own = { host: ["a-2", "local"], addresses: [] };
    await Promise.all(
      services.map((one, i) => near.register(`fuzz${i}`, wireService({ ...one, ...own }))),
    );
    const isSame = (one: (typeof services)[number], found: WireService): boolean =>
      found.txt.join() === one.txt.join();
    for (const one of services)
      await far.found(FUZZED, one.instance, (found) => isSame(one, found), 30_000);
    const names = far.all("found").map((line) => (line["service"] as WireService).instance);
    expect(new Set(names)).toEqual(new Set(services.map(({ instance }) => instance)));
    await Promise.all(services.map((_, i) => near.call("withdraw", { key: `fuzz${i}` })));
    for (const { instance } of services) await far.gone(FUZZED, instance, 30_000);
    await expectUndisturbed();
  }, 120_000);

  it("refuses records of a member that mean nothing, or are of somebody else", async () => {
    const forged = {
      ...{ originSubnet: site, instance: "Web", type: WEB.type, subtypes: [], port: 81, txt: [] },
      ...{ version: 2n ** 63n, hostLabel: "evil", site: "evil", addresses: [], path: [site] },
      ...{ hopsLeft: 1, isWithdrawn: false, keys: [], isListed: true },
    };
    const records = {
      noise: randomBytes(4096),
      empty: new Uint8Array(),
      // In the name of the site's host, in its own, and that the service is gone.
      named: encodeServiceRecord({ ...forged, exporters: [exporter] }),
      own: encodeServiceRecord({ ...forged, exporters: [peer] }),
      gone: encodeServiceRecord({ ...forged, exporters: [peer], isWithdrawn: true }),
    };
    const origin = originIdOf(forged);
    for (const [name, value] of Object.entries(records)) {
      writeFileSync(join(directory, name), value);
      for (const slot of [origin, name, "more"])
        for (const key of [`bridge/type/${WEB.type}`, "bridge/key/web", "bridge/types"])
          await causeway(bed, "c-1", "put", key, `@${join(directory, name)}`, "--slot", slot);
    }
    const refused = async (): Promise<number> =>
      (await bed.metrics("b-1")).get("bridge_records_refused_total") ?? 0;
    await bed.need("refusals", async () => (await refused()) > 0, 10_000);
    await bed.pause(2000);
    await expectUndisturbed();
    const { imported } = await listed(bed, "b-1");
    const shown = imported.filter(({ shownAs }) => shownAs !== null);
    expect(shown.map(({ instance, originHost }) => [instance, originHost])).toEqual([
      ["Web", exporter],
    ]);
    expect(shown[0]!.endpoint).toMatch(/:8080$/);
  }, 120_000);

  it("says of a rule that it matches nothing, and of a type that there is none such", async () => {
    const rule = ["causeway", "export", "_nosuch._tcp", "--name", "Tom*"];
    const said = await bed.lab.exec("b-1", rule);
    expect(said.status).toBe(0);
    expect(said.stderr).toMatch(
      /nobody on this link announces _nosuch._tcp by a name like "Tom\*" now/,
    );
    expect(await codes()).toEqual(["bridge-rule-idle"]);
    const dry = await causeway(bed, "b-1", "export", "_nosuch._tcp", "--dry-run");
    expect(dry).toMatch(/nothing on this link fits/);
    const bad = await bed.lab.exec("b-1", ["causeway", "export", "_http._sctp"]);
    expect(bad.status).toBe(2);
    expect(bad.stderr).toMatch(/type "_http._sctp": no service type; write it like _http._tcp/);
    await causeway(bed, "b-1", "export", "_nosuch._tcp", "--name", "Tom*", "--remove");
    expect(await codes()).toEqual(["healthy"]);
    await expectUndisturbed();
  }, 60_000);

  it("tells a malformed line of a stream by its number, and shows what the others say", async () => {
    const good = (instance: string): string =>
      JSON.stringify({
        ...{ event: "add", instance, type: "_cwline._tcp", port: 4711 },
        ...{ addresses: ["10.2.0.11"], txt: ["a=1"] },
      });
    const lines = [
      good("First"),
      "{ not JSON",
      JSON.stringify({ event: "add", instance: "x".repeat(64), type: "_cwline._tcp" }),
      good("Bad port").replace("4711", "70000"),
      JSON.stringify({ event: "explode" }),
      `"${"x".repeat(70_000)}"`,
      good("Last"),
    ];
    const lined = new AvahiObserver(bed.lab, "b-2", "_cwline._tcp");
    ending.push(lined);
    const argv = ["causeway", "import", "--from-stream"];
    const importing = bed.lab.spawn("b-1", argv, { stdio: ["pipe", "ignore", "pipe"] });
    let stderr = "";
    importing.stderr!.setEncoding("utf8").on("data", (part: string) => (stderr += part));
    const ended = new Promise((resolve) => importing.once("exit", resolve));
    importing.stdin!.write(`${lines.join("\n")}\n`);
    await lined.needCount(2, 15_000);
    expect(lined.present().toSorted()).toEqual(["First", "Last"]);
    importing.stdin!.end();
    expect(await ended).toBe(1);
    await lined.needCount(0, 15_000);
    for (const number of [2, 3, 4, 5, 6])
      expect(stderr).toMatch(new RegExp(`^causeway: line ${number}: .`, "m"));
    expect(stderr).toMatch(/line 4: port: allowed: 1 to 65535/);
    expect(stderr.trim().split("\n")).toHaveLength(5);
    await expectUndisturbed();
  }, 60_000);
});
