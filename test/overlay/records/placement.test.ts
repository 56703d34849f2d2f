import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OverlayError } from "../../../overlay/errors.ts";
import { placeCopies } from "../../../overlay/records/placement.ts";
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
