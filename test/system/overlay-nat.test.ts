import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import type { PingAnswer } from "../../daemon/api/api-types.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const MIB = 2 ** 20;
const PUBLIC = ["pub-1", "pub-2", "pub-3"];

describe.skipIf(LAB_MISSING !== undefined)(
  "two sites behind NAT with one network and a public one",
  () => {
    let bed: Bed;

    beforeAll(async () => {
      const sites = [
        "{ name: pub, hosts: 3, uplink: { delay: 5ms } }",
        "{ name: homea, hosts: 2, nat: true, uplink: { delay: 5ms } }",
        "{ name: homeb, hosts: 1, nat: true, uplink: { delay: 5ms } }",
      ];
      bed = await openBed({ name: ownLabName("nat"), sites });
      await bed.start();
    });

    afterAll(async () => {
      await bed?.close();
    });

    async function relaysOf(host: string): Promise<readonly string[]> {
      const { reachability } = await bed.status(host);
      return reachability.state === "unreachable" ? reachability.relays : [];
    }

    async function ping(from: string, to: string, bytes = 0): Promise<PingAnswer> {
      const { host } = await bed.status(to);
      const argv = ["causeway", "ping", host.id, "--bytes", String(bytes), "--json"];
      const { status, stdout, stderr } = await bed.lab.exec(from, argv);
      if (status !== 0) throw new Error(stderr);
      return JSON.parse(stdout) as PingAnswer;
    }

    it("have the same network, and find out who can be dialled", async () => {
      expect(bed.lab.address("homea-1")).toBe(bed.lab.address("homeb-1"));
      const isSettled = async (): Promise<boolean> => {
        for (const host of ["homea-1", "homea-2", "homeb-1"])
          if ((await relaysOf(host)).length < 2) return false;
        const states = await Promise.all(PUBLIC.map((host) => bed.status(host)));
        return states.some(({ reachability }) => reachability.state === "reachable");
      };
      expect(await bed.until(isSettled, 45_000, 250)).toBeLessThan(45_000);
      expect((await bed.explain("homea-1")).map(({ code }) => code)).toContain("unreachable");
    });

    it("stand in no table, and no host thinks itself cut off", async () => {
      const natted = await Promise.all(["homea-1", "homeb-1"].map((host) => bed.status(host)));
      const ids = natted.map(({ subnet }) => subnet.id);
      for (const host of bed.hosts()) {
        const { routing, health } = await bed.status(host);
        expect(routing.entries.filter(({ subnet }) => ids.includes(subnet))).toEqual([]);
        expect(health, host).toBe("healthy");
      }
    });

    it("put, get and watch both ways, and keep nobody else's records", async () => {
      const ending = new AbortController();
      const seen = new Map<string, Set<string>>();
      const watchers = ["homea-1", "homeb-1", "pub-1"].map(async (host) => {
        const values = new Set<string>();
        seen.set(host, values);
        for await (const line of bed.watch(host, "shared", ending.signal))
          if (line.type === "put" && line.value !== undefined) values.add(line.value);
      });
      await bed.pause(500);
      const own = (await bed.status("pub-1")).subnet.id;
      for (const host of ["homea-2", "homeb-1", "pub-2"]) {
        const { answer } = await bed.put(host, "shared", host);
        expect(answer.storedOn).toEqual([own]);
      }
      for (const host of bed.hosts())
        for (const value of ["homea-2", "homeb-1", "pub-2"])
          expect(await bed.finds(host, "shared", value), `${host} has ${value}`).toBe(true);
      const isHeard = async (): Promise<boolean> =>
        [...seen.values()].every(({ size }) => size === 3);
      expect(await bed.until(isHeard, 10_000, 50)).toBeLessThan(10_000);
      ending.abort();
      await Promise.allSettled(watchers);
    });

    it("carry 100 MB between them through a relay, whole", async () => {
      const answer = await ping("homea-1", "homeb-1", 100 * MIB);
      expect(answer).toMatchObject({ way: "relayed", bytes: 100 * MIB });
    });

    it("are dialled back by whom a public host asks through the relay", async () => {
      expect(await ping("homeb-1", "pub-1", MIB)).toMatchObject({ way: "direct" });
      expect(await ping("pub-2", "homea-2", MIB)).toMatchObject({ way: "direct" });
    });

    it("have a new stream soon after the relay's host is killed", async () => {
      const used = await relaysOf("homeb-1");
      const ids = await Promise.all(PUBLIC.map(async (host) => (await bed.status(host)).host.id));
      const relay = PUBLIC[ids.indexOf(used[0]!)]!;
      await bed.lab.kill([relay]);
      const isThere = async (): Promise<boolean> =>
        (await ping("homea-1", "homeb-1")).way === "relayed";
      expect(await bed.until(isThere, 9_000, 50)).toBeLessThan(9_000);
      await bed.start([relay]);
    });
  },
);
