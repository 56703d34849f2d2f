import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pairsOf, pingBaseline } from "../../daemon/bench/baseline.ts";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { measureLookups } from "../../daemon/bench/overlay/lookup.ts";
import { findAll, putRecords } from "../../daemon/bench/overlay/records-set.ts";
import { ONE_WAY_MS, sitesOf } from "../../daemon/bench/overlay/sites.ts";
import { measureWatches } from "../../daemon/bench/overlay/watch.ts";
import { percentile } from "../../daemon/bench/statistics.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const SITES = 12;
const SLACK = 3;

describe.skipIf(LAB_MISSING !== undefined)("twelve subnets far apart", () => {
  let bed: Bed;

  beforeAll(async () => {
    bed = await openBed({ name: ownLabName("wide"), sites: sitesOf(SITES, 1) });
    await bed.start();
    await bed.settle(SITES, SITES);
  });

  afterAll(async () => {
    await bed?.close();
  });

  it("find what is put at any host at every other, in a few round trips", async () => {
    const ping = await pingBaseline(bed, pairsOf(bed.hosts()).slice(0, 4));
    const times = await measureLookups(bed, 4, console.warn);
    expect(times.asked).toBe(4 * SITES);
    expect(times.found).toBe(times.asked);
    expect(times.cold.length).toBeGreaterThan(times.asked / 3);
    expect(percentile(times.cold, 0.5)).toBeLessThan(SLACK * 5 * ping.value);
    expect(percentile(times.cold, 0.99)).toBeLessThan(SLACK * 10 * ping.value);
    expect(percentile(times.again, 0.5)).toBeLessThan(SLACK * 1.5 * ping.value);
  });

  it("keep a record on the three subnets closest to it, the same for every asker", async () => {
    const { answer } = await bed.put("alpha-1", "placed", "here");
    expect(answer.storedOn).toHaveLength(3);
    const holders = answer.storedOn.toSorted();
    for (const host of ["beta-1", "mu-1"]) {
      const { path } = (await bed.lookup(host, "placed")).answer;
      for (const step of path) expect(holders).toContain(step.subnet);
    }
  });

  it("find nothing, and no error, under a key that nobody put", async () => {
    const { answer } = await bed.get("gamma-1", "never put");
    expect(answer.records).toEqual([]);
  });

  it("replace a record by its publisher's next, and drop a removed one", async () => {
    await bed.put("beta-1", "changing", "first");
    await bed.put("beta-1", "changing", "second");
    await bed.put("eta-1", "changing", "of another");
    const values = async (): Promise<string[]> =>
      (await bed.get("mu-1", "changing")).answer.records.map(({ value }) => value!).toSorted();
    expect(await values()).toEqual(["of another", "second"]);
    expect(await bed.remove("beta-1", "changing")).toMatchObject({ removed: true });
    expect(await values()).toEqual(["of another"]);
  });

  it("forget a record when its lifetime ends", async () => {
    await bed.put("alpha-1", "brief", "gone soon", { ttlMs: 2_000 });
    expect(await bed.finds("delta-1", "brief", "gone soon")).toBe(true);
    await bed.pause(2_500);
    expect(await bed.finds("delta-1", "brief", "gone soon")).toBe(false);
  });

  it("tell every watcher of every change, about one way after it reached a holder", async () => {
    const { delays, missed } = await measureWatches(bed, 2);
    expect(missed).toBe(0);
    expect(percentile(delays, 0.95)).toBeLessThan(SLACK * (2 * ONE_WAY_MS + 50));
  });

  it("find every record when a whole subnet is lost, and soon forget the subnet", async () => {
    const records = await putRecords(bed, "lost", "2", 24);
    const gone = (await bed.status("epsilon-1")).subnet.id ?? "";
    await bed.lab.kill(["epsilon-1"]);
    const found = async (): Promise<boolean> =>
      (await findAll(bed, records, ["alpha-1", "kappa-1"])).lost.length === 0;
    expect(await bed.until(found, 30_000, 500)).toBeLessThan(30_000);
    const isForgotten = async (): Promise<boolean> => {
      const views = await Promise.all(bed.running().map((host) => bed.subnets(host)));
      return views.every((view) => view.every(({ id }) => id !== gone));
    };
    expect(await bed.until(isForgotten, SLACK * 60_000, 500)).toBeLessThan(SLACK * 60_000);
    expect(await findAll(bed, records)).toMatchObject({ lost: [] });
  });
});
