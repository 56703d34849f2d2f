import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBed, type Bed } from "../../daemon/bench/bed.ts";
import { findAll, putRecords } from "../../daemon/bench/overlay/records-set.ts";
import { measureWatches } from "../../daemon/bench/overlay/watch.ts";
import { buildLater } from "./fixtures/later-builds.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";
import { explains } from "./overlay-bed.ts";

/** Hosts that run the next version at first. */
const LATER = ["alpha-2", "beta-2"];
const HERE = ["alpha-1", "alpha-3", "beta-1"];

describe.skipIf(LAB_MISSING !== undefined)("an overlay of two wire versions", () => {
  let bed: Bed;
  let next: readonly string[];
  let afterNext: readonly string[];

  beforeAll(async () => {
    const sites = [
      "{ name: alpha, hosts: 3, uplink: { delay: 5ms } }",
      "{ name: beta, hosts: 2, uplink: { delay: 5ms } }",
      "{ name: gamma, hosts: 2, uplink: { delay: 5ms } }",
    ];
    [next, afterNext] = await Promise.all([buildLater(2), buildLater(3)]);
    bed = await openBed({ name: ownLabName("vers"), sites });
    await bed.start(["alpha-1"]);
    await bed.lab.start(LATER, { program: next });
    await bed.start(HERE);
    await bed.settle(2, 5);
  });

  afterAll(async () => {
    await bed?.close();
  });

  /** Each host's view of all subnets, hosts and versions. */
  async function views(): Promise<string[]> {
    const all = await Promise.all(bed.running().map((host) => bed.subnets(host)));
    return all.map((subnets) =>
      subnets
        .map(({ id, hosts, hostSetVersion }) =>
          [id, hostSetVersion, ...hosts.map((host) => host.id)].join(" "),
        )
        .toSorted()
        .join("\n"),
    );
  }

  function log(host: string): string {
    return readFileSync(bed.lab.paths(host).log, "utf8");
  }

  it("has one subnet a link, and everywhere the same host sets", async () => {
    const isSame = async (): Promise<boolean> => new Set(await views()).size === 1;
    expect(await bed.until(isSame, 15_000, 200)).toBeLessThan(15_000);
    for (const host of [...HERE, ...LATER]) expect((await bed.status(host)).health).toBe("healthy");
  });

  it("speaks the newest version that both ends know, and gets over what one does not", async () => {
    for (const host of LATER) {
      expect(log(host)).toMatch(/survey answered in wire 2/); // by the other one
      expect(log(host)).toMatch(/survey refused with ERR_OVERLAY_REFUSED/);
      expect(log(host)).toMatch(/news in wire 2/);
      expect(log(host)).not.toMatch(/wire 1/);
    }
    for (const host of HERE) expect(log(host)).not.toMatch(/refused|survey|news/);
  });

  it("puts, gets and watches from every host to every other", async () => {
    for (const copies of ["one", "2", "all"]) {
      const records = await putRecords(bed, "mixed", copies, 10);
      expect(await findAll(bed, records)).toMatchObject({ asked: 50, lost: [] });
    }
    expect((await measureWatches(bed, 1)).missed).toBe(0);
  });

  it("is upgraded host by host without a get that fails", async () => {
    const records = await putRecords(bed, "rolling", "2", 20);
    const others = ["alpha-2", "beta-1", "beta-2"];
    const lost: string[] = [];
    let rounds = 0;
    const ending = new AbortController();
    const asking = (async () => {
      while (!ending.signal.aborted) {
        lost.push(...(await findAll(bed, records, others)).lost);
        rounds++;
      }
    })();
    try {
      for (const host of ["alpha-1", "alpha-3"]) {
        await bed.lab.stop([host]);
        await bed.lab.start([host], { program: next });
        await bed.settle(2, 5);
      }
    } finally {
      ending.abort();
      await asking;
    }
    expect(rounds).toBeGreaterThan(3);
    expect(lost).toEqual([]);
    expect(await findAll(bed, records)).toMatchObject({ lost: [] });
    const late = await putRecords(bed, "after", "2", 10);
    expect(await findAll(bed, late)).toMatchObject({ lost: [] });
  });

  it("turns a version two ahead away, and both sides say why", async () => {
    await bed.start(["gamma-1"]);
    await bed.settle(3, 6);
    await expect(bed.lab.start(["gamma-2"], { program: afterNext, waitMs: 4_000 })).rejects.toThrow(
      /speaks wire versions 1 to 1, this host 2 to 3; upgrade/,
    );
    expect(await explains(bed, "gamma-2", "wire-version")).toBe(true);
    expect(await explains(bed, "gamma-1", "wire-version")).toBe(true);
    const [finding] = await bed.explain("gamma-1");
    expect(finding).toMatchObject({ severity: "problem" });
    expect(finding?.what).toMatch(/10\.3\.0\.12 \(2 to 3\)/);
    expect(finding?.advice).toMatch(/upgrade this host/);
    expect(log("gamma-1")).toMatch(/wire versions 2 to 3.*peer refused/);
    const { health, subnet } = await bed.status("gamma-2");
    expect({ health, id: subnet.id }).toEqual({ health: "pending", id: null });
    expect((await bed.status("gamma-1")).subnet.hosts).toHaveLength(1);
    expect((await bed.status("gamma-1")).health).toBe("healthy");
  });
});
