import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { measureIdle } from "../../daemon/bench/overlay/idle.ts";
import { measureMassStart } from "../../daemon/bench/overlay/mass.ts";
import { sitesOf } from "../../daemon/bench/overlay/sites.ts";
import { LAB_MISSING } from "../system/lab-requirements.ts";

const SLACK = 3;

describe.skipIf(LAB_MISSING !== undefined)("twenty subnets", () => {
  let bed: Bed;

  beforeAll(async () => {
    bed = await openBed({ name: "lmass", sites: sitesOf(20, 1) });
  });

  afterAll(async () => {
    await bed?.close();
  });

  it("started at once are joined, and every lookup is right, in 30 s", async () => {
    const { joinedMs, rightMs } = await measureMassStart(bed);
    expect(joinedMs).toBeLessThan(SLACK * 30_000);
    expect(rightMs).toBeLessThan(SLACK * 30_000);
  }, 300_000);

  it("cost little when idle", async () => {
    await bed.pause(10_000);
    const { multicastPerSecond, cpuPercent } = await measureIdle(bed, 60_000);
    expect(multicastPerSecond).toBeLessThan(1);
    expect(cpuPercent).toBeLessThan(SLACK * 2);
  }, 120_000);
});
