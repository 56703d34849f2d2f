import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { findAll, putRecords } from "../../daemon/bench/overlay/records-set.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const EVICTED_MS = 60_000;
const BACK_MS = 75_000; // a lost subnet is looked for once a minute at least

describe.skipIf(LAB_MISSING !== undefined)("a routing table", () => {
  let bed: Bed;

  beforeAll(async () => {
    const sites = ["alpha", "beta", "gamma"].map(
      (name) => `{ name: ${name}, hosts: 2, uplink: { delay: 5ms } }`,
    );
    bed = await openBed({ name: ownLabName("route"), sites });
    await bed.start();
    await bed.settle(3, 6);
  });

  afterAll(async () => {
    await bed?.close();
  });

  async function changes(host: string): Promise<number> {
    return (await bed.status(host)).routing.changes;
  }

  async function idOf(host: string): Promise<string> {
    return (await bed.status(host)).subnet.id!;
  }

  /** Waits until a subnet stands in no table, or in every table, of these hosts. */
  async function until(
    hosts: readonly string[],
    id: string,
    isThere: boolean,
    limitMs: number,
  ): Promise<number> {
    const holds = async (): Promise<boolean> => {
      const views = await Promise.all(hosts.map((host) => bed.status(host)));
      return views.every(
        ({ routing }) => routing.entries.some(({ subnet }) => subnet === id) === isThere,
      );
    };
    return bed.until(holds, limitMs, 250);
  }

  it("does not change when hosts leave, are killed, hang and come back", async () => {
    const watchers = ["alpha-1", "beta-1"];
    const before = await Promise.all(watchers.map(changes));
    const records = await putRecords(bed, "host events", "2", 12, ["alpha-1", "beta-1"]);
    await bed.lab.stop(["gamma-1"]);
    await bed.pause(1_500);
    await bed.start(["gamma-1"]);
    await bed.lab.kill(["gamma-2"]);
    await bed.pause(1_500);
    await bed.start(["gamma-2"]);
    await bed.settle(3, 6);
    await bed.lab.pause(["gamma-1"]);
    expect(await findAll(bed, records, ["alpha-1", "beta-1"])).toMatchObject({ lost: [] });
    await bed.pause(15_000); // every connection to it is given up
    await bed.lab.resume(["gamma-1"]);
    await bed.settle(3, 6);
    expect(await Promise.all(watchers.map(changes))).toEqual(before);
  });

  it("loses a subnet whose hosts all hang, and has it back when they go on", async () => {
    const gamma = await idOf("gamma-1");
    const others = ["alpha-1", "alpha-2", "beta-1", "beta-2"];
    await bed.lab.pause(["gamma-1", "gamma-2"]);
    expect(await until(others, gamma, false, EVICTED_MS)).toBeLessThan(EVICTED_MS);
    await bed.lab.resume(["gamma-1", "gamma-2"]);
    expect(await until(others, gamma, true, BACK_MS)).toBeLessThan(BACK_MS);
    await bed.settle(3, 6);
  });

  it("loses a subnet that hears nothing from here, and only here", async () => {
    const [alpha, gamma] = await Promise.all([idOf("alpha-1"), idOf("gamma-1")]);
    await bed.lab.changeWays("alpha", "gamma", { to: { isCut: true } });
    expect(await until(["alpha-1", "alpha-2"], gamma, false, EVICTED_MS)).toBeLessThan(EVICTED_MS);
    expect(await until(["gamma-1", "gamma-2"], alpha, false, EVICTED_MS)).toBeLessThan(EVICTED_MS);
    expect(await until(["beta-1", "beta-2"], gamma, true, 1_000)).toBeLessThan(1_000);
    // What others go on saying of it does not bring it back.
    await bed.pause(10_000);
    expect(await until(["alpha-1", "alpha-2"], gamma, false, 1_000)).toBeLessThan(1_000);
    await bed.lab.changeWays("alpha", "gamma", { to: { isCut: false } });
    expect(await until(["alpha-1", "alpha-2"], gamma, true, BACK_MS)).toBeLessThan(BACK_MS);
    expect(await until(["gamma-1", "gamma-2"], alpha, true, BACK_MS)).toBeLessThan(BACK_MS);
  });
});
