/**
 * Three hosts of a link that bridge it together: each service is exported and shown once, and whoever
 * acts for it may die, with its daemon or whole, without anybody on the link missing it.
 */
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { actingHost, causeway, listed } from "./fixtures/bridge-site.ts";
import { avahiBrowse, AvahiObserver, avahiPublish } from "./fixtures/zeroconf.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const HTTP = "_http._tcp";
const A = ["a-1", "a-2", "a-3"];
const B = ["b-1", "b-2", "b-3"];
/** Runs the web servers, and no daemon. */
const SERVER = "a-4";
/** Where the user is, without a daemon too. */
const USER = "b-4";
const NAMES = Array.from({ length: 8 }, (_, i) => `Web ${i}`);
const [FIRST = ""] = NAMES;
const FIRST_PORT = 8080;

describe.skipIf(LAB_MISSING !== undefined)("a crew of three hosts", () => {
  let bed: Bed;
  let directory: string;
  let observer: AvahiObserver | undefined;
  const programs: ChildProcess[] = [];
  const page = randomBytes(32).toString("hex");

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "causeway-web-"));
    writeFileSync(join(directory, "page"), page);
    const sites = ["a", "b"].map(
      (name) => `{ name: ${name}, hosts: 4, avahi: true, uplink: { delay: 5ms } }`,
    );
    bed = await openBed({ name: ownLabName("crew"), sites });
    await bed.start([...A, ...B]);
    const web = ["python3", "-m", "http.server", String(FIRST_PORT), "--directory", directory];
    programs.push(bed.lab.spawn(SERVER, web, { stdio: "ignore" }));
    const services = NAMES.map((instance) => ({ instance, type: HTTP, port: FIRST_PORT }));
    for (const service of services) programs.push(await avahiPublish(bed.lab, SERVER, service));
    await bed.settle(2, 6);
    await causeway(bed, "a-1", "export", "http");
    await causeway(bed, "b-1", "import", "--type", "http");
    await bed.need("all are shown", isSettled, 30_000);
  }, 180_000);

  afterEach(() => observer?.close());

  afterAll(async () => {
    for (const program of programs) program.kill("SIGKILL");
    await bed?.close();
    if (directory !== undefined) rmSync(directory, { recursive: true });
  });

  /** Each host of both sites has a crew of three and knows who acts for each service. */
  async function isSettled(): Promise<boolean> {
    for (const host of [...A, ...B]) {
      const { local, imported } = await listed(bed, host);
      const all = A.includes(host)
        ? local.map(({ exporter }) => exporter)
        : imported.filter(({ shownAs }) => shownAs !== null).map(({ importer }) => importer);
      if (all.filter((id) => id !== "").length !== NAMES.length) return false;
    }
    return true;
  }

  /** A page by what the user's programs resolve. */
  async function fetch(): Promise<string> {
    const all = await avahiBrowse(bed.lab, USER, HTTP);
    const found = all.find((one) => one.instance === FIRST && one.family === "IPv4");
    if (found === undefined) return `${FIRST} is not resolved; these are: ${JSON.stringify(all)}`;
    const url = `http://${found.address}:${found.port}/page`;
    const { status, stdout } = await bed.lab.exec(USER, ["curl", "-s", "--max-time", "10", url]);
    return status === 0 ? stdout : `curl ${url} ended with ${status}`;
  }

  it("exports and shows each service once", async () => {
    const own = async (host: string): Promise<string> => (await bed.status(host)).host.id;
    const published = new Map<string, string[]>();
    await bed.need(
      "one record of each service",
      async () => {
        published.clear();
        for (const { slot, publisher } of (await bed.get("b-1", `bridge/type/${HTTP}`)).answer
          .records)
          published.set(slot, [...(published.get(slot) ?? []), publisher]);
        return [...published.values()].flat().length === NAMES.length;
      },
      20_000,
    );
    expect(published.size).toBe(NAMES.length);
    const ids = await Promise.all(A.map(own));
    for (const publishers of published.values()) expect(ids).toContain(publishers[0]);
    const found = (await avahiBrowse(bed.lab, USER, HTTP)).filter((one) => one.family === "IPv4");
    expect(found.map(({ instance }) => instance).toSorted()).toEqual(NAMES);
    expect(await fetch()).toBe(page);
  }, 60_000);

  it.each([
    { role: "importer", hosts: B, how: "its daemon", kill: killDaemon },
    { role: "exporter", hosts: A, how: "its daemon", kill: killDaemon },
    { role: "importer", hosts: B, how: "the whole host", kill: killHost },
    { role: "exporter", hosts: A, how: "the whole host", kill: killHost },
  ])(
    "is not missed for a moment when the acting $role dies, $how",
    async ({ hosts, kill }) => {
      observer = new AvahiObserver(bed.lab, USER, HTTP);
      await observer.needCount(NAMES.length);
      const acting = await actingHost(bed, hosts, FIRST);
      await kill(acting);
      try {
        await bed.pause(2000);
        expect(await fetch()).toBe(page);
        await bed.pause(3000);
        for (const name of NAMES) expect(observer.removals(name), name).toBe(0);
        expect(observer.present().toSorted()).toEqual(NAMES);
      } finally {
        await bed.lab.heal(acting.split("-")[0]!);
        await bed.start([acting]);
        await bed.need("all are shown", isSettled, 30_000);
      }
      expect(observer.present().toSorted()).toEqual(NAMES);
      for (const name of NAMES) expect(observer.removals(name), name).toBe(0);
    },
    120_000,
  );

  it("is not missed, and keeps its names, when the acting importer is paused and goes on", async () => {
    observer = new AvahiObserver(bed.lab, USER, HTTP);
    await observer.needCount(NAMES.length);
    const acting = await actingHost(bed, B, FIRST);
    await bed.lab.pause([acting]);
    try {
      await bed.pause(2000);
      expect(await fetch()).toBe(page);
      await bed.pause(3000);
    } finally {
      await bed.lab.resume([acting]);
    }
    await bed.need("all are shown", isSettled, 30_000);
    await bed.need(
      "it acts again",
      async () => (await actingHost(bed, B, FIRST)) === acting,
      30_000,
    );
    expect(await fetch()).toBe(page);
    expect(observer.present().toSorted()).toEqual(NAMES);
    for (const name of NAMES) expect(observer.removals(name), name).toBe(0);
  }, 120_000);

  async function killDaemon(host: string): Promise<void> {
    await bed.lab.kill([host]);
  }

  /** Nothing more comes from it, no end of a connection and no goodbye of its Avahi. */
  async function killHost(host: string): Promise<void> {
    await bed.lab.link(host.split("-")[0]!, { split: [host] });
    await bed.lab.kill([host]);
  }
});
