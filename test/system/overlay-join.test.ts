import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { measureJoins, type JoinTimes } from "../../daemon/bench/overlay/join.ts";
import { sitesOf } from "../../daemon/bench/overlay/sites.ts";
import { maximum, percentile } from "../../daemon/bench/statistics.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

/** A busy machine may take three times as long as the bench allows. */
const SLACK = 3;

describe.skipIf(LAB_MISSING !== undefined)("hosts that join", () => {
  let bed: Bed;
  let times: JoinTimes;

  beforeAll(async () => {
    bed = await openBed({ name: ownLabName("join"), sites: sitesOf(3, 3) });
    times = await measureJoins(bed, 0);
  });

  afterAll(async () => {
    await bed?.close();
  });

  it("are in every table within 5 s when they are the first of their subnet", () => {
    expect(times.first).toHaveLength(2);
    expect(maximum(times.first)).toBeLessThan(SLACK * 5_000);
  });

  it("are in their neighbours' host set within 1 s when they are not", () => {
    expect(times.later).toHaveLength(6);
    expect(percentile(times.later, 0.95)).toBeLessThan(SLACK * 1_000);
  });

  it("need no token address when the link has a host of the overlay", async () => {
    expect(times.contacts).toBe(0);
    const statuses = await Promise.all(bed.hosts().map((host) => bed.status(host)));
    const via = statuses.map(({ host, subnet }) => [host.name, subnet.joinedVia]);
    expect(via).toEqual(
      bed.hosts().map((host) => [host, host.endsWith("-1") ? "created" : "link"]),
    );
  });

  it("act as one node: one subnet id a link, and three in all", async () => {
    await bed.settle(3, 9); // the last one has only just come
    for (const host of bed.hosts()) {
      const [own, ...others] = await bed.subnets(host);
      expect(own!.hosts.map(({ name }) => name).toSorted()).toEqual(
        bed.hosts(bed.lab.host(host).site),
      );
      expect(others.map(({ hosts }) => hosts.length)).toEqual([3, 3]);
    }
  });

  it("change no routing table when a sibling comes or goes", async () => {
    const changes = async (): Promise<number[]> =>
      Promise.all(
        ["alpha-1", "beta-1", "beta-2"].map(
          async (host) => (await bed.status(host)).routing.changes,
        ),
      );
    const before = await changes();
    await bed.lab.stop(["gamma-3"]);
    await bed.settle(3, 8);
    await bed.start(["gamma-3"]);
    await bed.settle(3, 9);
    expect(await changes()).toEqual(before);
  });
});
