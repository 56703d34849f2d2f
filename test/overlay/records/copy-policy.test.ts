import { describe, expect, it } from "vitest";
import {
  copiesWanted,
  decodeCopyPolicy,
  encodeCopyPolicy,
  QueryMeter,
} from "../../../overlay/records/copy-policy.ts";
import { WireError } from "../../../platform/errors.ts";

const POLICIES = [
  { type: "one" },
  { type: "copies", count: 1 },
  { type: "copies", count: 16 },
  { type: "all" },
  { type: "demand" },
] as const;

describe("copy policy", () => {
  it.each(POLICIES)("is the same after the wire: %o", (policy) => {
    expect(decodeCopyPolicy(encodeCopyPolicy(policy))).toEqual(policy);
  });

  it("takes an absent or unknown code for two copies", () => {
    for (const copyPolicy of [0, 5, 4_000_000_000])
      expect(decodeCopyPolicy({ copyPolicy, copies: 9 })).toEqual({ type: "copies", count: 2 });
  });

  it("refuses 0 and 17 copies", () => {
    for (const copies of [0, 17])
      expect(() => decodeCopyPolicy({ copyPolicy: 2, copies })).toThrow(WireError);
  });

  it("never wants more copies than there are hosts, and at least one", () => {
    for (const policy of POLICIES)
      for (const hosts of [1, 2, 40])
        for (const queries of [0, 1e6]) {
          const wanted = copiesWanted(policy, hosts, queries);
          expect(wanted).toBeGreaterThanOrEqual(1);
          expect(wanted).toBeLessThanOrEqual(hosts);
        }
    expect(copiesWanted({ type: "all" }, 40, 0)).toBe(40);
    expect(copiesWanted({ type: "one" }, 40, 1e6)).toBe(1);
  });
});

describe("demand", () => {
  it("wants one host at first, more as queries come, and one again when they stop", () => {
    const meter = new QueryMeter();
    const wanted = (nowMs: number) =>
      copiesWanted({ type: "demand" }, 8, meter.perMinute("k", nowMs));
    expect(wanted(0)).toBe(1);
    for (let i = 0; i < 600; i++) meter.note("k", i * 1000); // 60 a minute, 10 minutes long
    expect(meter.perMinute("k", 600_000)).toBeCloseTo(60, -1);
    expect(wanted(600_000)).toBeGreaterThanOrEqual(2);
    for (let i = 0; i < 6000; i++) meter.note("k", 600_000 + i * 100);
    expect(wanted(1_200_000)).toBe(8);
    expect(wanted(1_200_000 + 10 * 60_000)).toBe(1);
  });

  it("forgets the key asked longest ago when it knows 4096 others", () => {
    const meter = new QueryMeter();
    for (let i = 0; i <= 4096; i++) meter.note(`k${i}`, i);
    expect(meter.perMinute("k0", 4097)).toBe(0);
    expect(meter.perMinute("k1", 4097)).toBeGreaterThan(0);
  });
});
