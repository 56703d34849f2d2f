import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromBase32, toBase32 } from "../../platform/base32.ts";
import { utf8 } from "../../platform/bytes.ts";
import { WireError } from "../../platform/errors.ts";

/** RFC 4648 §10, padding taken off and in lower case. */
const VECTORS: readonly (readonly [string, string])[] = [
  ["", ""],
  ["f", "my"],
  ["fo", "mzxq"],
  ["foo", "mzxw6"],
  ["foob", "mzxw6yq"],
  ["fooba", "mzxw6ytb"],
  ["foobar", "mzxw6ytboi"],
];

describe("base32 of identities", () => {
  it.each(VECTORS)("writes and reads %j as RFC 4648 has it", (plain, text) => {
    expect(toBase32(utf8(plain))).toBe(text);
    expect(fromBase32(text)).toEqual(utf8(plain));
    expect(fromBase32(text.toUpperCase())).toEqual(utf8(plain));
  });

  it("gives any bytes back, 52 characters for a key", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(fromBase32(toBase32(bytes))).toEqual(bytes);
      }),
    );
    expect(toBase32(new Uint8Array(32))).toHaveLength(52);
  });

  it("reads each value from one text only, and throws WireError at all else", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-z2-7]{0,20}$/)), (text) => {
        let bytes: Uint8Array;
        try {
          bytes = fromBase32(text);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
          return;
        }
        expect(toBase32(bytes)).toBe(text.toLowerCase());
      }),
    );
    for (const text of ["a", "mz1q", "my======", "mz", "m y", "aaa", "𝒶𝒶"])
      expect(() => fromBase32(text)).toThrow(WireError);
  });
});
