import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeOpenAnswer,
  decodeOpenRequest,
  encodeOpenAnswer,
  encodeOpenRequest,
  OPENING_BYTES_MAX,
  withLength,
} from "../../../bridge/relay/opening.ts";
import { WireError } from "../../../platform/errors.ts";

const ORIGIN = Uint8Array.from({ length: 32 }, (_, i) => i);

describe("an open request", () => {
  it("is a protocol and an origin, and nothing that could be dialled", () => {
    const bytes = encodeOpenRequest({ protocol: "udp", origin: ORIGIN });
    expect(bytes).toEqual(Uint8Array.of(2, ...ORIGIN));
    expect(decodeOpenRequest(bytes)).toEqual({ protocol: "udp", origin: ORIGIN });
    expect(withLength(bytes)).toEqual(Uint8Array.of(33, 2, ...ORIGIN));
  });

  it("may be longer in a later version", () => {
    expect(decodeOpenRequest(Uint8Array.of(1, ...ORIGIN, 9, 9))).toEqual({
      protocol: "tcp",
      origin: ORIGIN,
    });
  });

  it("of an unknown protocol, or cut short, is refused", () => {
    expect(() => decodeOpenRequest(Uint8Array.of(3, ...ORIGIN))).toThrow(WireError);
    expect(() => decodeOpenRequest(Uint8Array.of(1, ...ORIGIN.subarray(1)))).toThrow(WireError);
    expect(() => decodeOpenRequest(new Uint8Array())).toThrow(WireError);
  });
});

describe("an answer", () => {
  it("is one byte when all is well, else a code and a reason", () => {
    expect(encodeOpenAnswer({ type: "opened" })).toEqual(Uint8Array.of(0));
    expect(decodeOpenAnswer(Uint8Array.of(0, 1, 2))).toEqual({ type: "opened" });
    for (const type of ["unknown", "refused", "unreachable", "limit"] as const) {
      const answer = { type, reason: "señor, no" };
      expect(decodeOpenAnswer(encodeOpenAnswer(answer))).toEqual(answer);
    }
  });

  it("has its reason cut at a whole character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 100, maxLength: 400 }), (reason) => {
        const bytes = encodeOpenAnswer({ type: "limit", reason });
        expect(bytes.length).toBeLessThanOrEqual(OPENING_BYTES_MAX);
        // A whole text: decoding it strictly does not throw.
        new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(1));
      }),
    );
  });

  it("brings no control characters to a terminal", () => {
    const bytes = Uint8Array.of(4, 0x1b, 0x5b, 0x32, 0x4a, 0x0a, 0xff);
    expect(decodeOpenAnswer(bytes)).toEqual({ type: "limit", reason: "?[2J??" });
  });

  it("of a later version counts as unreachable", () => {
    expect(decodeOpenAnswer(Uint8Array.of(77, 97))).toEqual({ type: "unreachable", reason: "a" });
  });
});
