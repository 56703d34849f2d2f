/** Who keeps a record inside a subnet, and who moves it (mDHT §3.3.5), over many subnets. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  placeInSubnet,
  placeOnLeave,
  planMove,
} from "../../../overlay/records/subnet-placement.ts";
import type { CopyPolicy } from "../../../overlay/types.ts";
import { makeRecord } from "../records/fixture.ts";

const RECORDS = Array.from({ length: 24 }, (_, i) => {
  const policies: CopyPolicy[] = [
    { type: "copies", count: 1 },
    { type: "copies", count: 2 },
    { type: "copies", count: 5 },
    { type: "all" },
  ];
  return makeRecord({ key: `record ${i}`, policy: policies[i % policies.length]! });
});
const LOOSE = (["one", "demand"] as const).map((type) =>
  makeRecord({ key: type, policy: { type } }),
);

const placed = fc.constantFrom(...RECORDS);
const hosts = (minLength = 1) =>
  fc.uniqueArray(
    fc.nat(30).map((i) => `host-${i}`),
    { minLength, maxLength: 8 },
  );

/** Each copy that is sent when the hosts change, as `from>to`, if all former places hold it. */
function movesOf(
  record: (typeof RECORDS)[number],
  before: readonly string[],
  after: readonly string[],
): string[] {
  const holders = placeInSubnet(record, before)!.filter((host) => after.includes(host));
  return holders.flatMap((holder) =>
    planMove(record, before, after, holder).copyTo.map((to) => `${holder}>${to}`),
  );
}

describe("placeInSubnet", () => {
  it("leaves records where they came to that are to stay there", () => {
    for (const record of LOOSE) expect(placeInSubnet(record, ["a", "b"])).toBeNull();
  });

  it("gives as many hosts as the policy asks for, or all there are", () => {
    fc.assert(
      fc.property(placed, hosts(), (record, live) => {
        const count = record.policy.type === "copies" ? record.policy.count : live.length;
        const places = placeInSubnet(record, live)!;
        expect(places).toHaveLength(Math.min(count, live.length));
        expect(new Set(places).size).toBe(places.length);
        expect(live).toEqual(expect.arrayContaining(places));
      }),
    );
  });
});

describe("planMove", () => {
  it("sends each missing copy once, by one former holder", () => {
    fc.assert(
      fc.property(placed, hosts(), hosts(), (record, before, after) => {
        const then = placeInSubnet(record, before)!;
        const now = placeInSubnet(record, after)!;
        const moves = movesOf(record, before, after);
        const isLost = then.every((host) => !after.includes(host));
        const missing = isLost ? [] : now.filter((host) => !then.includes(host));
        expect(moves.map((move) => move.split(">")[1]!).toSorted()).toEqual(missing.toSorted());
        expect(new Set(moves.map((move) => move.split(">")[0])).size).toBe(moves.length ? 1 : 0);
      }),
    );
  });

  it("moves nothing but what a host that left had, and what a newcomer is to have", () => {
    fc.assert(
      fc.property(placed, hosts(2), (record, before) => {
        for (const leaver of before) {
          const after = before.filter((host) => host !== leaver);
          if (!placeInSubnet(record, before)!.includes(leaver))
            expect(movesOf(record, before, after)).toEqual([]);
        }
        const after = [...before, "newcomer"];
        for (const move of movesOf(record, before, after))
          expect(move.split(">")[1]).toBe("newcomer");
      }),
    );
  });

  it("loses no record when any one host leaves, with a second copy somewhere", () => {
    fc.assert(
      fc.property(placed, hosts(2), (record, before) => {
        const then = placeInSubnet(record, before)!;
        if (then.length < 2) return;
        for (const leaver of before) {
          const after = before.filter((host) => host !== leaver);
          const holding = new Set(then.filter((host) => host !== leaver));
          for (const move of movesOf(record, before, after)) holding.add(move.split(">")[1]!);
          for (const host of placeInSubnet(record, after)!) expect(holding.has(host)).toBe(true);
        }
      }),
    );
  });

  it("says who holds it needlessly, and never tells a rightful holder so", () => {
    fc.assert(
      fc.property(placed, hosts(), hosts(), (record, before, after) => {
        for (const self of after)
          expect(planMove(record, before, after, self).isMisplaced).toBe(
            !placeInSubnet(record, after)!.includes(self),
          );
      }),
    );
  });

  it("never sends a copy to the host itself, nor moves what stays", () => {
    fc.assert(
      fc.property(placed, hosts(), hosts(), (record, before, after) => {
        for (const self of after)
          expect(planMove(record, before, after, self).copyTo).not.toContain(self);
        for (const record of LOOSE)
          expect(planMove(record, before, after, after[0]!)).toEqual({
            copyTo: [],
            isMisplaced: false,
          });
      }),
    );
  });

  it("lets any holder repair when none of the former places is left", () => {
    const record = makeRecord({ policy: { type: "copies", count: 2 } });
    const move = planMove(record, ["gone-1", "gone-2"], ["a", "b", "c"], "a");
    expect(move.copyTo.toSorted()).toEqual(
      placeInSubnet(record, ["a", "b", "c"])!
        .filter((host) => host !== "a")
        .toSorted(),
    );
  });
});

describe("placeOnLeave", () => {
  it("finds every record a place among those who stay", () => {
    fc.assert(
      fc.property(fc.constantFrom(...RECORDS, ...LOOSE), hosts(), (record, others) => {
        const places = placeOnLeave(record, others);
        expect(places.length).toBeGreaterThan(0);
        expect(others).toEqual(expect.arrayContaining(places));
        if (placeInSubnet(record, others) === null) expect(places).toHaveLength(1);
      }),
    );
  });

  it("hands over to where the record will be looked for afterwards", () => {
    fc.assert(
      fc.property(placed, hosts(), (record, others) => {
        expect(placeOnLeave(record, others)).toEqual(placeInSubnet(record, others));
      }),
    );
  });
});
