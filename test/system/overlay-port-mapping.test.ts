/** Routers that map ports, real ones (miniupnpd): hosts behind them are dialled like any other. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PingAnswer, StatusAnswer } from "../../daemon/api/api-types.ts";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";
import { withArguments } from "./overlay-bed.ts";

const MAPPED = ["home-1", "home-2", "flat-1"];
const CONNECT = `
const socket = require("node:net").connect(Number(process.argv[2]), process.argv[1]);
const say = (word) => { console.log(word); process.exit(); };
socket.setTimeout(1000, () => say("silent"));
socket.on("error", () => say("refused"));
socket.on("connect", () => say("open"));`;

type Mapping = NonNullable<StatusAnswer["reachability"]["mapping"]>;

describe.skipIf(LAB_MISSING !== undefined)("hosts behind routers that map ports", () => {
  let bed: Bed;
  let directory: string;

  beforeAll(async () => {
    const uplink = "uplink: { delay: 5ms }";
    const sites = [
      `{ name: pub, hosts: 2, ${uplink} }`,
      `{ name: far, hosts: 1, ${uplink} }`,
      `{ name: home, hosts: 2, nat: { portMapping: nat-pmp }, ${uplink} }`,
      `{ name: flat, hosts: 1, nat: { portMapping: upnp }, ${uplink} }`,
      `{ name: off, hosts: 1, nat: { portMapping: both }, ${uplink} }`,
    ];
    bed = await openBed({ name: ownLabName("p"), sites });
    directory = mkdtempSync(join(tmpdir(), "causeway-mapping-"));
    const config = join(directory, "causeway.yaml");
    writeFileSync(config, "portMapping: off\n");
    await bed.start(["pub-1", "pub-2", "far-1", ...MAPPED]);
    await bed.lab.start(["off-1"], { program: withArguments("--config", config), waitMs: 60_000 });
  });

  afterAll(async () => {
    await bed?.close();
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  });

  async function mappingOf(host: string): Promise<Mapping> {
    const { mapping } = (await bed.status(host)).reachability;
    if (mapping === null) throw new Error(`nothing is mapped to ${host}`);
    return mapping;
  }

  async function isMapped(host: string): Promise<boolean> {
    const { state, mapping } = (await bed.status(host)).reachability;
    return state === "reachable" && mapping?.isProven === true && mapping.outerHost !== null;
  }

  /** What a host elsewhere meets at `ADDRESS:PORT`; silent where the router maps nothing. */
  async function knock(address: string): Promise<string> {
    const argv = [process.execPath, "-e", CONNECT, ...address.split(":")];
    return (await bed.lab.exec("pub-1", argv)).stdout.trim();
  }

  async function wayOf(from: string, to: string): Promise<string> {
    const { host } = await bed.status(to);
    const { status, stdout, stderr } = await bed.lab.exec(from, [
      ...["causeway", "ping", host.id, "--json"],
    ]);
    if (status !== 0) throw new Error(stderr);
    return (JSON.parse(stdout) as PingAnswer).way;
  }

  it("are mapped, each to a port of its own, and dialled there by others", async () => {
    const areMapped = async (): Promise<boolean> =>
      (await Promise.all(MAPPED.map(isMapped))).every(Boolean);
    expect(await bed.until(areMapped, 60_000, 250)).toBeLessThan(60_000);
    const mappings = await Promise.all(MAPPED.map(mappingOf));
    expect(mappings.map(({ protocol }) => protocol)).toEqual(["nat-pmp", "nat-pmp", "upnp"]);
    const outer = mappings.flatMap((one) => [one.outer, one.outerHost!]);
    expect(new Set(outer).size).toBe(6);
    expect(outer.filter((address) => address.startsWith("11.0.3.2:"))).toHaveLength(4);
    for (const address of outer) expect(await knock(address), address).toBe("open");
    const isCounted = async (): Promise<boolean> =>
      (await bed.metrics("home-1")).get("overlay_mapped_ports") === 2;
    expect(await bed.until(isCounted, 15_000, 250)).toBeLessThan(15_000);
  });

  it("stand in tables and are listed with their outer addresses; who may not ask stays a client", async () => {
    const [home, flat, off] = await Promise.all(
      ["home-1", "flat-1", "off-1"].map(async (host) => (await bed.status(host)).subnet.id!),
    );
    const tableOf = async (host: string): Promise<readonly string[]> =>
      (await bed.status(host)).routing.entries.map(({ subnet }) => subnet);
    const isSettled = async (): Promise<boolean> => {
      const tables = await Promise.all(["pub-1", "far-1"].map(tableOf));
      return tables.every(
        (table) => table.includes(home!) && table.includes(flat!) && !table.includes(off!),
      );
    };
    expect(await bed.until(isSettled, 30_000, 250)).toBeLessThan(30_000);
    const { outer } = await mappingOf("home-1");
    const listed = (await bed.subnets("pub-1")).find(({ id }) => id === home);
    expect(listed?.hosts.flatMap(({ addresses }) => addresses)).toContain(outer);
    const client = await bed.status("off-1");
    expect(client.reachability).toMatchObject({ state: "unreachable", mapping: null });
    expect((await bed.metrics("off-1")).get("overlay_mapping_asked_total")).toBe(0);
    expect((await bed.explain("off-1")).map(({ code }) => code)).not.toContain("port-mapping");
  });

  it("put and get across, and are reached without a relay, by each other too", async () => {
    await bed.put("flat-1", "from flat", "one");
    await bed.put("home-2", "from home", "two");
    for (const host of bed.hosts()) {
      expect(await bed.finds(host, "from flat", "one"), host).toBe(true);
      expect(await bed.finds(host, "from home", "two"), host).toBe(true);
    }
    for (const [from, to] of [
      ["flat-1", "home-1"],
      ["home-2", "flat-1"],
      ["pub-2", "home-2"],
    ] as const)
      expect(await wayOf(from, to), `${from} to ${to}`).toBe("direct");
    for (const host of MAPPED) expect((await bed.status(host)).reachability.relays).toEqual([]);
  });

  it("are mapped again soon after their router was switched off", async () => {
    for (const [site, host] of [
      ["home", "home-1"],
      ["flat", "flat-1"],
    ] as const) {
      const { outer } = await mappingOf(host);
      await bed.lab.stopRouter(site);
      await bed.lab.startRouter(site);
      expect(await knock(outer), `${outer} just after`).toBe("silent");
      const isOpen = async (): Promise<boolean> => (await knock(outer)) === "open";
      expect(await bed.until(isOpen, 60_000, 500)).toBeLessThan(60_000);
      expect(await bed.until(() => isMapped(host), 30_000, 250)).toBeLessThan(30_000);
      expect((await mappingOf(host)).outer).toBe(outer);
    }
  });

  it("give their ports back when they stop, and have the same ones after that", async () => {
    const { outer, outerHost } = await mappingOf("home-2");
    const sibling = await mappingOf("home-1");
    await bed.lab.kill(["home-2"]);
    expect(await knock(outer), "killed").toBe("refused");
    await bed.start(["home-2"]);
    expect(await bed.until(() => isMapped("home-2"), 60_000, 250)).toBeLessThan(60_000);
    expect(await mappingOf("home-2")).toMatchObject({ outer, outerHost });
    await bed.lab.stop(["home-2"]);
    expect([await knock(outer), await knock(outerHost!)], "stopped").toEqual(["silent", "silent"]);
    expect(await knock(sibling.outer)).toBe("open");
  });
});
