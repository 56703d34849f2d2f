import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromHex, toHex } from "../../../platform/bytes.ts";
import { compareDistance, positionOf } from "../../../overlay/routing/position.ts";

const id = (): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: 32, maxLength: 32 });
const big = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`);

describe("positionOf", () => {
  it("is the SHA-256 of what is placed", () => {
    expect(toHex(positionOf(new TextEncoder().encode("abc")))).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    const bytes = fromHex("00ff");
    expect(positionOf(bytes)).toEqual(createHash("sha256").update(bytes).digest());
  });
});

describe("compareDistance", () => {
  it("orders as the XOR of whole numbers does", () => {
    fc.assert(
      fc.property(id(), id(), id(), (target, a, b) => {
        const naive = (big(target) ^ big(a)) - (big(target) ^ big(b));
        const sign = naive < 0n ? -1 : Number(naive > 0n);
        expect(Math.sign(compareDistance(target, a, b))).toBe(sign);
      }),
    );
  });

  it("puts the target itself first", () => {
    fc.assert(
      fc.property(id(), id(), (target, a) => {
        expect(compareDistance(target, target, a)).toBeLessThanOrEqual(0);
        expect(compareDistance(target, a, a)).toBe(0);
      }),
    );
  });
});
