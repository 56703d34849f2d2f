/**
 * Services exported for named peers: members whom no rule names learn neither type nor name from any
 * record there is, and no stream of theirs is let to the service.
 */
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { normalizeKey } from "../../bridge/exchange/keys.ts";
import { originIdOf } from "../../bridge/exchange/service-record.ts";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { openLevelStore } from "../../overlay/io/level-store.ts";
import { RECORDS_DIRECTORY } from "../../overlay/io/state.ts";
import { createSystemClock } from "../../platform/io/system-clock.ts";
import { causeway, listed } from "./fixtures/bridge-site.ts";
import { avahiPublish } from "./fixtures/zeroconf.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const ADVERSARY = join(import.meta.dirname, "fixtures/adversary.ts");
const FILES = { instance: "Payroll 2026", type: "_webdav._tcp" };
const PRINTER = { instance: "Directors' Printer", type: "_ipp._tcp" };
const PORT = 8631;

interface Said {
  readonly outcome?: { readonly answer?: string; readonly reason?: string };
  readonly refused?: string;
}

describe.skipIf(LAB_MISSING !== undefined)("a service for named peers", () => {
  let bed: Bed;
  const programs: { kill(signal: "SIGKILL"): unknown }[] = [];
  const ids = new Map<string, string>();
  let site = "";

  beforeAll(async () => {
    const sites = ["{ name: a, hosts: 2, avahi: true }", "{ name: b, hosts: 2, avahi: true }"];
    sites.push("{ name: c, hosts: 1, avahi: true }");
    bed = await openBed({ name: ownLabName("priv"), sites });
    await bed.start(["a-1", "b-1", "c-1"]);
    await bed.settle(3, 3);
    for (const host of ["a-1", "b-1", "c-1"]) ids.set(host, (await bed.status(host)).host.id);
    const serve = ["python3", "-m", "http.server", String(PORT), "--directory", "/var/empty"];
    programs.push(bed.lab.spawn("a-2", serve, { stdio: "ignore" }));
    for (const service of [FILES, PRINTER])
      programs.push(await avahiPublish(bed.lab, "a-2", { ...service, port: PORT }));
    site = (await bed.subnets("a-1")).find(({ hosts }) =>
      hosts.some(({ id }) => id === ids.get("a-1")),
    )!.id;
    const subnet = (await bed.subnets("b-1")).find(({ hosts }) =>
      hosts.some(({ id }) => id === ids.get("b-1")),
    )!.id;
    await causeway(bed, "a-1", "export", "_webdav._tcp", "--to", `host:${ids.get("b-1")}`);
    await causeway(bed, "a-1", "export", "_ipp._tcp", "--to", `subnet:${subnet}`);
    for (const host of ["b-1", "c-1"]) await causeway(bed, host, "import", "--type", "all");
    for (const { instance } of [FILES, PRINTER])
      await bed.need(`${instance} at b-1`, () => shows("b-1", instance), 15_000);
  }, 120_000);

  afterAll(async () => {
    for (const program of programs) program.kill("SIGKILL");
    await bed?.close();
  });

  async function shows(host: string, instance: string): Promise<boolean> {
    const { imported } = await listed(bed, host);
    return imported.some((one) => one.instance === instance && one.shownAs === instance);
  }

  it("stands under no key that somebody could think of", async () => {
    const keys = ["bridge/types"];
    for (const { instance, type } of [FILES, PRINTER])
      keys.push(`bridge/type/${type}`, `bridge/key/${normalizeKey(instance)}`);
    for (const key of keys) expect((await bed.get("c-1", key)).answer.records, key).toEqual([]);
    expect((await listed(bed, "c-1")).imported).toEqual([]);
    expect(await causeway(bed, "c-1", "services")).not.toMatch(/Payroll|Printer|_ipp|_webdav/);
  });

  it("is sealed to a host that joins the subnet that is named, and only what that may have", async () => {
    await bed.start(["b-2"]);
    const { id } = (await bed.status("b-2")).host;
    const inbox = async (): Promise<number> =>
      (await bed.get("c-1", `bridge/inbox/${id}`)).answer.records.length;
    const tookMs = await bed.need("a record for b-2", async () => (await inbox()) > 0, 30_000);
    console.log(`sealed to the new host after ${Math.round(tookMs)} ms`);
    await bed.lab.kill(["b-1"]);
    await bed.need("the printer by b-2", () => shows("b-2", PRINTER.instance), 30_000);
    const { imported } = await listed(bed, "b-2");
    expect(imported.map(({ instance }) => instance)).toEqual([PRINTER.instance]);
    const { endpoint } = imported[0]!;
    const curl = ["curl", "-s", "-o", "/dev/null", "--max-time", "10", `http://${endpoint}/`];
    expect(await bed.lab.exec("b-2", curl)).toMatchObject({ status: 0 });
    expect(await inbox()).toBe(1);
  }, 90_000);

  it("opens no stream to a member whom no rule names, however much that knows", async () => {
    await bed.lab.kill(["c-1"]);
    const named = await dial("b-1", FILES);
    expect(named.outcome, JSON.stringify(named)).toEqual({ answer: "opened" });
    for (const service of [FILES, PRINTER]) {
      const { outcome } = await dial("c-1", service);
      expect(outcome).toMatchObject({ answer: "refused" });
      expect(outcome!.reason).toMatch(/no rule lets that host have this service/);
    }
    const metrics = await bed.metrics("a-1");
    expect(metrics.get("bridge_exported_services")).toBe(2);
  }, 60_000);

  it("is in none of the records that any host holds", async () => {
    await bed.lab.kill(["a-1", "b-2"]);
    const origins = [FILES, PRINTER].map((one) => originIdOf({ ...one, originSubnet: site }));
    const words = ["Payroll", "payroll", "Printer", "printer", "_ipp", "_webdav", ...origins];
    let sealed = 0;
    for (const host of ["a-1", "b-1", "b-2", "c-1"]) {
      const { store, records } = await openLevelStore({
        directory: join(steal(host, "dumped"), RECORDS_DIRECTORY),
        clock: createSystemClock({ wallOffsetFile: null }),
      });
      for (const { record } of records) {
        const text = `${Buffer.from(record.value).toString("latin1")} ${record.slot}`;
        for (const word of words) expect(text.includes(word), `${word} at ${host}`).toBe(false);
        if (record.value.length >= 512) sealed++;
      }
      await store.close();
    }
    // So that this is no search in empty stores: each of the three is somewhere.
    expect(sealed).toBeGreaterThanOrEqual(3);
  }, 60_000);

  /** A host's disk, as it is now; its daemon is dead. */
  function steal(host: string, name: string): string {
    const { directory, state } = bed.lab.paths(host);
    const copy = join(directory, name);
    mkdirSync(copy, { recursive: true });
    cpSync(state, copy, { recursive: true });
    return copy;
  }

  /** Asks the exporter for a service with the keys of a host, whose daemon is dead. */
  async function dial(from: string, service: typeof FILES): Promise<Said> {
    const order = {
      hostAddress: `${bed.lab.address("a-1")}:4778`,
      about: originIdOf({ ...service, originSubnet: site }),
    };
    const state = steal(from, `stolen-${service.type}`);
    const argv = [process.execPath, ADVERSARY, "relay-stream", state, JSON.stringify(order)];
    const { stdout, stderr } = await bed.lab.exec(from, argv);
    expect(stderr).toBe("");
    return JSON.parse(stdout) as Said;
  }
});
