import { describe, expect, it } from "vitest";
import { FAULT_TYPES, FAULTS, type FaultType } from "../../daemon/bench/chaos/fault-types.ts";
import { planFaults, type PlannedFault } from "../../daemon/bench/chaos/schedule.ts";

const DURATION_MS = 600_000;
const SITES = new Map(
  ["alpha", "beta", "gamma"].map((site) => [site, [1, 2, 3].map((i) => `${site}-${i}`)] as const),
);

function plan(seed: number, types: readonly FaultType[] = FAULT_TYPES): PlannedFault[] {
  return planFaults({ seed, durationMs: DURATION_MS, types, sites: SITES });
}

const SEEDS = Array.from({ length: 20 }, (_, i) => i);
const endOf = ({ atMs, durationMs }: PlannedFault): number => atMs + durationMs;
const overlap = (a: PlannedFault, b: PlannedFault): boolean =>
  a.atMs < endOf(b) && b.atMs < endOf(a);

describe("a plan of faults", () => {
  it("is the same for the same seed, and another for another", () => {
    expect(plan(7)).toEqual(plan(7));
    expect(plan(7)).not.toEqual(plan(8));
  });

  it("has every fault in it sooner or later, several at a time, and ends in time", () => {
    const all = SEEDS.flatMap((seed) => plan(seed));
    expect([...new Set(all.map(({ type }) => type))].toSorted()).toEqual(FAULT_TYPES.toSorted());
    const first = plan(1);
    expect(first.filter((one) => first.filter((two) => overlap(one, two)).length > 2)).not.toEqual(
      [],
    );
    expect(Math.max(...all.map(endOf))).toBeLessThanOrEqual(DURATION_MS);
  });

  it("keeps to the faults that are asked for, and to how long each lasts", () => {
    for (const fault of plan(3, ["cut", "kill"])) {
      expect(["cut", "kill"]).toContain(fault.type);
      const { secondsMin, secondsMax } = FAULTS[fault.type];
      expect(fault.durationMs).toBeGreaterThanOrEqual(secondsMin * 1000);
      expect(fault.durationMs).toBeLessThanOrEqual(secondsMax * 1000);
    }
  });

  it("strikes no process and no link twice at a time", () => {
    for (const seed of SEEDS) {
      const faults = plan(seed);
      for (const [i, one] of faults.entries())
        for (const two of faults.slice(i + 1)) {
          if (!overlap(one, two)) continue;
          const isLink = [one, two].map(({ type }) => FAULTS[type].scope === "link");
          if (isLink[0] && isLink[1]) expect(one.site).not.toBe(two.site);
          expect(
            one.hosts.filter((host) => two.hosts.includes(host) && !isLink.includes(true)),
          ).toEqual([]);
        }
    }
  });

  it("wipes no disk of the host that makes the tokens, nor while it or the site is struck", () => {
    for (const seed of SEEDS) {
      const faults = plan(seed);
      const wipes = faults.filter(({ type }) => FAULTS[type].calmMs > 0);
      for (const wipe of wipes) {
        expect(wipe.hosts).not.toContain("alpha-1");
        for (const other of faults)
          if (other !== wipe && overlap(wipe, other)) {
            expect(other.hosts.filter((host) => host === "alpha-1")).toEqual([]);
            if (FAULTS[other.type].scope !== "way") expect(other.site).not.toBe(wipe.site);
          }
      }
    }
  });

  it("takes a whole site's disks rarely, and never the first site's", () => {
    for (const seed of SEEDS) {
      const losses = plan(seed, ["site-loss"]);
      for (const [i, { site, atMs, hosts }] of losses.entries()) {
        expect(site).not.toBe("alpha");
        expect(hosts).toHaveLength(3);
        if (i > 0) expect(atMs - losses[i - 1]!.atMs).toBeGreaterThanOrEqual(150_000);
      }
    }
  });

  it("names a second site for what happens between two", () => {
    for (const fault of plan(4, ["one-way", "part", "move"])) {
      expect(SITES.has(fault.other)).toBe(true);
      expect(fault.other).not.toBe(fault.site);
    }
  });

  it("of a link of one host splits nothing", () => {
    const sites = new Map([["alpha", ["alpha-1"]]]);
    expect(planFaults({ seed: 1, durationMs: 60_000, types: ["split"], sites })).toEqual([]);
  });
});
