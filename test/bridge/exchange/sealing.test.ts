import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodePadded, inboxSlot, padRecord } from "../../../bridge/exchange/sealing.ts";
import { BOX_OVERHEAD_BYTES } from "../../../overlay/index.ts";
import { WireError } from "../../../platform/errors.ts";
import { idOf } from "./samples.ts";

describe("padding", () => {
  it("gives back any record, in one of four sizes that fit into a record with their box", () => {
    const sizes = new Set<number>();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3998 }), (record) => {
        const padded = padRecord(record);
        sizes.add(padded.length);
        expect(decodePadded(padded)).toEqual(record);
        expect(padded.length + BOX_OVERHEAD_BYTES).toBeLessThanOrEqual(4096);
      }),
    );
    expect([512, 1024, 2048, 4000]).toEqual(expect.arrayContaining([...sizes]));
    expect(() => padRecord(new Uint8Array(3999))).toThrow(WireError);
  });

  it("throws only WireError on any bytes", () => {
    for (const bytes of [[], [1], [0, 5, 1], [255, 255], new Uint8Array(511)])
      expect(() => decodePadded(Uint8Array.from(bytes))).toThrow(WireError);
    const wrong = new Uint8Array(512).fill(255);
    expect(() => decodePadded(wrong)).toThrow(WireError);
  });
});

describe("a slot in an inbox", () => {
  it("is the same for one service and recipient, and another for every other, and 64 bytes at most", () => {
    const secret = new Uint8Array(32).fill(1);
    const slot = inboxSlot(secret, idOf("service"), idOf("host"));
    expect(slot).toMatch(/^[a-z2-7]{52}$/);
    expect(inboxSlot(secret, idOf("service"), idOf("host"))).toBe(slot);
    expect(inboxSlot(secret, idOf("service"), idOf("other"))).not.toBe(slot);
    expect(inboxSlot(new Uint8Array(32), idOf("service"), idOf("host"))).not.toBe(slot);
  });
});
