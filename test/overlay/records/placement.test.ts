import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareBytes } from "../../../platform/bytes.ts";
import { OverlayError } from "../../../overlay/errors.ts";
import {
  closestFirst,
  compareDistance,
  placeCopies,
  xorDistance,
} from "../../../overlay/records/placement.ts";
import { keyOf } from "./fixture.ts";

const HOSTS = Array.from({ length: 8 }, (_, i) => `host-${i}`);
const KEYS = Array.from({ length: 4000 }, (_, i) => keyOf(`key ${i}`));
const id = () => fc.uint8Array({ minLength: 32, maxLength: 32 });

describe("placeCopies", () => {
  it("gives the asked number of different hosts, fewer in a smaller subnet", () => {
    expect(new Set(placeCopies(KEYS[0]!, HOSTS, 3)).size).toBe(3);
    expect(placeCopies(KEYS[0]!, ["a", "b"], 16).toSorted()).toEqual(["a", "b"]);
    expect(placeCopies(KEYS[0]!, ["a"], 0)).toEqual(["a"]);
  });

  it("throws when there is no host", () => {
    expect(() => placeCopies(KEYS[0]!, [], 2)).toThrow(OverlayError);
  });

  it("does not depend on the order of the hosts", () => {
    fc.assert(
      fc.property(
        id(),
        fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 20 }),
        fc.nat(16),
        (key, hosts, copies) => {
          expect(placeCopies(key, hosts.toReversed(), copies)).toEqual(
            placeCopies(key, hosts, copies),
          );
        },
      ),
    );
  });

  it("spreads keys evenly over 8 hosts", () => {
    const counts = new Map<string, number>();
    for (const key of KEYS)
      for (const host of placeCopies(key, HOSTS, 1)) counts.set(host, (counts.get(host) ?? 0) + 1);
    // 500 each; the standard deviation is 21.
    for (const host of HOSTS) expect(Math.abs((counts.get(host) ?? 0) - 500)).toBeLessThan(105);
  });

  it("moves only the records of a host that leaves, and only to one more host", () => {
    let moved = 0;
    const left = HOSTS.slice(0, -1);
    for (const key of KEYS) {
      const before = placeCopies(key, HOSTS, 2);
      const after = placeCopies(key, left, 2);
      if (before.includes(HOSTS.at(-1)!)) moved++;
      else expect(after).toEqual(before);
      for (const host of before) if (left.includes(host)) expect(after).toContain(host);
    }
    expect(moved / KEYS.length).toBeCloseTo(2 / 8, 1);
  });
});

describe("distance", () => {
  it("orders as the naive distance does", () => {
    fc.assert(
      fc.property(id(), fc.array(id(), { maxLength: 12 }), (target, ids) => {
        const naive = ids.toSorted((a, b) =>
          compareBytes(xorDistance(target, a), xorDistance(target, b)),
        );
        expect(closestFirst(target, ids)).toEqual(naive);
      }),
    );
  });

  it("is symmetric, and zero only to itself", () => {
    fc.assert(
      fc.property(id(), id(), (a, b) => {
        expect(xorDistance(a, b)).toEqual(xorDistance(b, a));
        expect(compareDistance(a, a, b)).toBe(
          compareBytes(a, b) === 0 ? 0 : -xorDistance(a, b).find((x) => x > 0)!,
        );
      }),
    );
  });
});
