/**
 * Services of one site seen and used at another, by programs that know nothing of it: both sites behind
 * NAT with one and the same network, a public third, Avahi on the hosts.
 */
import type { ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { writeServedFile } from "./fixtures/served-file.ts";
import {
  avahiBrowse,
  AvahiObserver,
  avahiPublish,
  pythonBrowse,
  PYTHON_ZEROCONF_MISSING,
} from "./fixtures/zeroconf.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const MUSIC = "Tom's Music v1.2";
const DAAP = "_daap._tcp";
const HTTP = "_http._tcp";
/** homea-1, homea-2 and homeb-1, homeb-2 run daemons; the services are on homea-3, the user is at homeb-3. */
const HOSTS = ["pub-1", "homea-1", "homea-2", "homeb-1", "homeb-2"];

describe.skipIf(LAB_MISSING !== undefined)("a service of another site", () => {
  let bed: Bed;
  let directory: string;
  let hash: string;
  const programs: ChildProcess[] = [];

  beforeAll(async () => {
    ({ directory, hash } = writeServedFile());
    const sites = [
      "{ name: pub, hosts: 1, uplink: { delay: 5ms } }",
      "{ name: homea, hosts: 3, nat: true, avahi: true, uplink: { delay: 5ms } }",
      "{ name: homeb, hosts: 3, nat: true, avahi: true, uplink: { delay: 5ms } }",
    ];
    bed = await openBed({ name: ownLabName("brdg"), sites });
    await bed.start(HOSTS);
    await bed.need("hosts behind NAT are reached through a relay", hasRelays, 60_000);
    const web = ["python3", "-m", "http.server", "8080", "--directory", directory];
    programs.push(bed.lab.spawn("homea-3", web, { stdio: "ignore" }));
    // It asks for its own name first, which nobody answers.
    await bed.need("the web server answers", isServing, 30_000);
  }, 120_000);

  afterAll(async () => {
    for (const program of programs) program.kill("SIGKILL");
    await bed?.close();
    if (directory !== undefined) rmSync(directory, { recursive: true });
  });

  async function hasRelays(): Promise<boolean> {
    for (const host of HOSTS.slice(1))
      if ((await bed.status(host)).reachability.relays.length === 0) return false;
    return true;
  }

  async function isServing(): Promise<boolean> {
    const url = `http://${bed.lab.address("homea-3")}:8080/`;
    return (await bed.lab.exec("homea-3", ["curl", "--silent", "--fail", url])).status === 0;
  }

  async function causeway(host: string, ...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await bed.lab.exec(host, ["causeway", ...args]);
    expect(status, stderr).toBe(0);
    return stdout;
  }

  /** Address and port at which the user's host finds a service. */
  async function find(type: string, instance: string): Promise<string> {
    const found = (await avahiBrowse(bed.lab, "homeb-3", type)).find(
      (one) => one.instance === instance && one.family === "IPv4",
    );
    expect(found, `${instance} at homeb-3`).toBeDefined();
    return `${found!.address}:${found!.port}`;
  }

  async function download(limitS = 60): Promise<string> {
    const url = `http://${await find(HTTP, "Web")}/file`;
    const command = `curl --silent --show-error --max-time ${limitS} ${url} | sha256sum`;
    const { stdout, stderr } = await bed.lab.exec("homeb-3", ["sh", "-c", command]);
    expect(stderr).toBe("");
    return stdout.split(" ")[0]!;
  }

  it("is seen with its exact name and TXT, 3.5 s after the command was typed at most", async () => {
    expect(bed.lab.address("homea-1")).toBe(bed.lab.address("homeb-1"));
    const music = { instance: MUSIC, type: DAAP, port: 3689, txt: ["Version=1"] };
    programs.push(await avahiPublish(bed.lab, "homea-3", music));
    programs.push(
      await avahiPublish(bed.lab, "homea-3", { instance: "Web", type: HTTP, port: 8080 }),
    );
    await causeway("homeb-1", "import", "--type", "http", "--type", "daap");
    const observer = new AvahiObserver(bed.lab, "homeb-3", DAAP);
    const startMs = Date.now();
    await causeway("homea-1", "export", "all");
    const seen = await observer.needResolved(MUSIC, ({ instance }) => instance === MUSIC);
    // The starts of the command and of the browser are in it.
    expect(Date.now() - startMs).toBeLessThan(3500);
    observer.close();
    expect(seen).toMatchObject({ port: 3689, txt: ["Version=1"] });
    expect(seen.host).toMatch(/^cw-[a-z2-7]{8}-[0-3]\.local$/);
    expect([bed.lab.address("homeb-1"), bed.lab.address("homeb-2")]).toContain(seen.address);
  }, 60_000);

  it.skipIf(PYTHON_ZEROCONF_MISSING !== undefined)(
    "is seen by an unrelated browser too, byte for byte",
    async () => {
      const found = await pythonBrowse(bed.lab, "homeb-3", DAAP, 3);
      expect(found).toContainEqual(
        expect.objectContaining({
          instance: MUSIC,
          port: 3689,
          txt: Buffer.from("\tVersion=1").toString("hex"),
        }),
      );
    },
    30_000,
  );

  it("can be used: 100 MB come whole", async () => {
    expect(await download()).toBe(hash);
  }, 90_000);

  it("is listed with its origin on one side, and with its exporter on the other", async () => {
    const { imported } = JSON.parse(await causeway("homeb-1", "services", "--json")) as {
      imported: readonly { instance: string; shownAs: string; way: string; reason: string }[];
    };
    expect(imported).toContainEqual(
      expect.objectContaining({ instance: MUSIC, shownAs: MUSIC, way: "relay", reason: "" }),
    );
  });

  it("is gone within 2 s of its withdrawal", async () => {
    const published = await avahiPublish(bed.lab, "homea-3", {
      ...{ instance: "Short", type: DAAP, port: 4000 },
    });
    const observer = new AvahiObserver(bed.lab, "homeb-3", DAAP);
    await observer.needResolved("Short", ({ instance }) => instance === "Short");
    const startMs = Date.now();
    published.kill("SIGTERM");
    const goneMs = (await observer.needGone("Short")) - startMs;
    observer.close();
    expect(goneMs).toBeLessThan(2000);
  }, 60_000);

  it.each([
    ["importer", "homeb"],
    ["exporter", "homea"],
  ])(
    "is not missed for a moment when the acting %s is killed",
    async (_role, site) => {
      const observer = new AvahiObserver(bed.lab, "homeb-3", HTTP);
      await observer.needResolved("Web", ({ instance }) => instance === "Web");
      const acting = await actingHost(site);
      await bed.lab.kill([acting]);
      try {
        await bed.pause(2000);
        expect(await download()).toBe(hash);
        expect(observer.removals("Web")).toBe(0);
      } finally {
        observer.close();
        await bed.start([acting]);
        await bed.pause(3000);
      }
    },
    120_000,
  );

  it("is hidden when its site is cut off for a minute, and back once, soon after it heals", async () => {
    const observer = new AvahiObserver(bed.lab, "homeb-3", HTTP);
    await observer.needResolved("Web", ({ instance }) => instance === "Web");
    const cutMs = Date.now();
    try {
      await bed.lab.link("homea", { isCut: true });
      expect((await observer.needGone("Web", 70_000)) - cutMs).toBeLessThan(60_000);
    } catch (error) {
      await bed.lab.heal("homea");
      throw error;
    }
    const healedMs = Date.now();
    await bed.lab.heal("homea");
    await observer.needCount(1, 30_000);
    expect(Date.now() - healedMs).toBeLessThan(5000);
    await bed.pause(3000);
    expect(observer.present()).toEqual(["Web"]);
    observer.close();
  }, 150_000);

  it("is gone within 5 s of its host's crash, by a question to that host alone", async () => {
    const observer = new AvahiObserver(bed.lab, "homeb-3", HTTP);
    await observer.needResolved("Web", ({ instance }) => instance === "Web");
    await bed.pause(4000); // it has answered a question by then
    const startMs = Date.now();
    await bed.lab.unplug("homea-3");
    const goneMs = (await observer.needGone("Web")) - startMs;
    observer.close();
    expect(goneMs).toBeLessThan(5000);
  }, 60_000);

  /** Which of a site's hosts exports or shows the web server. */
  async function actingHost(site: string): Promise<string> {
    const services = JSON.parse(await causeway(`${site}-1`, "services", "--json")) as {
      local: readonly { instance: string; exporter: string }[];
      imported: readonly { instance: string; importer: string }[];
    };
    const local = services.local.find(({ instance }) => instance === "Web")?.exporter;
    const imported = services.imported.find(({ instance }) => instance === "Web")?.importer;
    for (const host of [`${site}-1`, `${site}-2`])
      if ((await bed.status(host)).host.id === (local ?? imported)) return host;
    throw new Error(`nobody at ${site} acts for the web server`);
  }
});
