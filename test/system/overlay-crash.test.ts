import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { findAll, lastMissMs, putRecords } from "../../daemon/bench/overlay/records-set.ts";
import { sitesOf } from "../../daemon/bench/overlay/sites.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const [SITES, HOSTS] = [3, 3];
const FOUND_FROM_MS = 10_000;

describe.skipIf(LAB_MISSING !== undefined)("an overlay whose hosts leave and crash", () => {
  let bed: Bed;

  beforeAll(async () => {
    bed = await openBed({ name: ownLabName("crash"), sites: sitesOf(SITES, HOSTS) });
    await bed.start();
    await bed.settle(SITES, SITES * HOSTS);
  });

  afterAll(async () => {
    await bed?.close();
  });

  const bring = async (hosts: readonly string[]): Promise<void> => {
    await bed.start(hosts);
    await bed.settle(SITES, SITES * HOSTS);
  };

  it.each(["one", "2", "all", "demand"])(
    "loses no record of policy %s to a graceful leave in every subnet",
    async (copies) => {
      const records = await putRecords(bed, "leave", copies, 12);
      const leavers = bed.hosts().filter((host) => host.endsWith("-2"));
      await bed.lab.stop(leavers);
      expect(await findAll(bed, records)).toMatchObject({ lost: [] });
      await bring(leavers);
      expect(await findAll(bed, records, leavers)).toMatchObject({ lost: [] });
    },
  );

  it("loses no record of two copies to a crash, nor to the next one", async () => {
    const records = await putRecords(bed, "single", "2", 18);
    const victims = ["beta-3", "beta-1"];
    for (const victim of victims) {
      await bed.lab.kill([victim]);
      const { lastMissMs: miss, lost } = await lastMissMs(bed, records, performance.now(), 6_000);
      expect({ victim, lost }).toEqual({ victim, lost: [] });
      expect(miss).toBeLessThan(FOUND_FROM_MS);
    }
    await bring(victims);
  });

  it("finds what all keep from 10 s on when two of three hosts of every subnet crash", async () => {
    const records = await putRecords(bed, "mass", "all", 18);
    await bed.lab.kill(bed.hosts().filter((host) => !host.endsWith("-1")));
    const result = await lastMissMs(bed, records, performance.now(), FOUND_FROM_MS + 5_000);
    expect(result.lost).toEqual([]);
    expect(result.lastMissMs).toBeLessThan(FOUND_FROM_MS);
    await bring(bed.hosts().filter((host) => !host.endsWith("-1")));
    expect(await findAll(bed, records)).toMatchObject({ lost: [] });
  });
});
