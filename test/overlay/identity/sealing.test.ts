import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKeyPair } from "../../../overlay/identity/keys.ts";
import { BOX_OVERHEAD_BYTES, openSealed, sealTo } from "../../../overlay/identity/sealing.ts";
import { concatBytes, utf8 } from "../../../platform/bytes.ts";
import { WireError } from "../../../platform/errors.ts";

const seedOf = (name: string): Uint8Array =>
  new Uint8Array(createHash("sha256").update(name).digest());
const A = createKeyPair(seedOf("a"));
const B = createKeyPair(seedOf("b"));
const EPHEMERAL = seedOf("ephemeral");

describe("a sealed box", () => {
  it("opens for the host it is for, and for no other", () => {
    const box = sealTo(A.publicKey, utf8("Tom's Music"), EPHEMERAL);
    expect(openSealed(A.seed, box)).toEqual(utf8("Tom's Music"));
    expect(() => openSealed(B.seed, box)).toThrow(WireError);
  });

  it("opens for any host key and content", () => {
    const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(bytes32, bytes32, fc.uint8Array({ maxLength: 500 }), (seed, once, content) => {
        const pair = createKeyPair(seed);
        const box = sealTo(pair.publicKey, content, once);
        expect(box.length).toBe(content.length + BOX_OVERHEAD_BYTES);
        expect(openSealed(seed, box)).toEqual(content);
      }),
      { numRuns: 40 },
    );
  });

  it("does not open when a single bit of it was changed", () => {
    const box = sealTo(A.publicKey, utf8("x"), EPHEMERAL);
    for (let at = 0; at < box.length; at++) {
      const touched = box.slice();
      touched[at]! ^= 1;
      expect(() => openSealed(A.seed, touched)).toThrow(WireError);
    }
  });

  it("throws only WireError on any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => openSealed(A.seed, bytes)).toThrow(WireError);
      }),
    );
  });

  it("is refused to what is no key: not a point, of small order, of another length", () => {
    const one = new Uint8Array(32).fill(0);
    one[0] = 1; // the neutral element
    const offCurve = new Uint8Array(32);
    offCurve[0] = 2;
    const smallOrder = new Uint8Array(32); // y = 0: of order 4
    const large = new Uint8Array(32).fill(0xff);
    for (const key of [one, offCurve, smallOrder, large, new Uint8Array(31)])
      expect(() => sealTo(key, utf8("x"), EPHEMERAL)).toThrow(WireError);
  });

  it("does not open with an ephemeral key of small order, under which anybody could seal", () => {
    const box = sealTo(A.publicKey, utf8("x"), EPHEMERAL);
    const forged = concatBytes(new Uint8Array(32), box.subarray(32));
    expect(() => openSealed(A.seed, forged)).toThrow(WireError);
  });
});
