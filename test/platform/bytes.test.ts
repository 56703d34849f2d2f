import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ByteReader,
  ByteWriter,
  compareBytes,
  concatBytes,
  fromHex,
  isEqualBytes,
  toHex,
  utf8,
} from "../../platform/bytes.ts";
import { WireError } from "../../platform/errors.ts";

type Step =
  | { readonly type: "u8" | "u16" | "u32"; readonly value: number }
  | { readonly type: "u64"; readonly value: bigint }
  | { readonly type: "bytes"; readonly value: Uint8Array };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant("u8" as const), value: fc.nat(0xff) }),
  fc.record({ type: fc.constant("u16" as const), value: fc.nat(0xffff) }),
  fc.record({ type: fc.constant("u32" as const), value: fc.nat(0xffffffff) }),
  fc.record({
    type: fc.constant("u64" as const),
    value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  }),
  fc.record({ type: fc.constant("bytes" as const), value: fc.uint8Array({ maxLength: 300 }) }),
);

function write(writer: ByteWriter, { type, value }: Step): void {
  if (type === "u64") writer.u64(value);
  else if (type === "bytes") writer.bytes(value);
  else writer[type](value);
}

function read(reader: ByteReader, { type, value }: Step): unknown {
  return type === "bytes" ? reader.bytes(value.length) : reader[type]();
}

describe("ByteReader and ByteWriter", () => {
  it("are big-endian", () => {
    const bytes = new ByteWriter(1)
      .u8(1)
      .u16(0x0203)
      .u32(0x04050607)
      .u64(0x08090a0b0c0d0e0fn)
      .finish();
    expect(toHex(bytes)).toBe("0102030405060708090a0b0c0d0e0f");
  });

  it("give back any sequence, wherever in a buffer it lies", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.nat(9), (steps, shift) => {
        const writer = new ByteWriter(1);
        for (const one of steps) write(writer, one);
        const written = writer.finish();
        expect(writer.offset).toBe(written.length);
        const buffer = new Uint8Array(shift + written.length + 5).fill(0xee);
        buffer.set(written, shift);
        const reader = new ByteReader(buffer.subarray(shift, shift + written.length));
        for (const one of steps) expect(read(reader, one)).toEqual(one.value);
        expect(reader.remaining).toBe(0);
        reader.end();
      }),
    );
  });

  it("throw only WireError on any bytes and any offsets, and never read past the end", () => {
    const action = fc.record({
      name: fc.constantFrom("u8", "u16", "u32", "u64", "bytes", "seek", "end"),
      argument: fc.oneof(fc.integer({ min: -5, max: 60 }), fc.double()),
    });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.array(action), (bytes, actions) => {
        const reader = new ByteReader(bytes);
        for (const { name, argument } of actions) {
          const before = reader.offset;
          try {
            if (name === "seek") reader.seek(argument);
            else if (name === "bytes") reader.bytes(Math.abs(Math.trunc(argument)) || 0);
            else if (name === "end") reader.end();
            else reader[name as "u8"]();
          } catch (error) {
            expect(error).toBeInstanceOf(WireError);
            expect(reader.offset).toBe(before);
          }
          expect(reader.offset + reader.remaining).toBe(bytes.length);
          expect(reader.remaining).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  it("say where a read overran", () => {
    const reader = new ByteReader(new Uint8Array(5));
    reader.u32();
    expect(() => reader.u16()).toThrow("2 bytes wanted, 1 left (at byte 4)");
    expect(() => reader.end()).toThrow("1 bytes too many (at byte 4)");
    reader.seek(5);
    reader.end();
    expect(() => reader.seek(6)).toThrow(WireError);
    expect(() => reader.seek(0.5)).toThrow(WireError);
  });

  it("overwrite a length that was not known before", () => {
    const writer = new ByteWriter(2).u16(0).bytes(utf8("abc"));
    expect(toHex(writer.setU16(0, 3).finish())).toBe("0003616263");
  });

  it("hand out a copy, so that writing on does not change what was finished", () => {
    const writer = new ByteWriter().u8(1);
    const first = writer.finish();
    writer.setU16(0, 0xffff);
    expect(first).toEqual(Uint8Array.of(1));
  });
});

describe("bytes", () => {
  it("go to hexadecimal and back, in either case", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(fromHex(toHex(bytes))).toEqual(bytes);
        expect(fromHex(toHex(bytes).toUpperCase())).toEqual(bytes);
      }),
    );
    for (const text of ["0", "0g", "0x00", " 00", "00 ", "é0"])
      expect(() => fromHex(text)).toThrow(WireError);
  });

  it("show a view and not the buffer under it", () => {
    expect(toHex(Uint8Array.of(9, 1, 2, 9).subarray(1, 3))).toBe("0102");
  });

  it("compare as unsigned text does, a prefix first", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4 }), fc.uint8Array({ maxLength: 4 }), (a, b) => {
        const naive = toHex(a) < toHex(b) ? -1 : Number(toHex(a) > toHex(b));
        expect(Math.sign(compareBytes(a, b))).toBe(naive);
        expect(isEqualBytes(a, b)).toBe(naive === 0);
      }),
    );
    expect(compareBytes(Uint8Array.of(0x80), Uint8Array.of(0x7f))).toBe(1);
  });

  it("are joined into fresh memory", () => {
    const first = Uint8Array.of(1, 2);
    const joined = concatBytes(first, new Uint8Array(), Uint8Array.of(3));
    expect(joined).toEqual(Uint8Array.of(1, 2, 3));
    joined[0] = 9;
    expect(first[0]).toBe(1);
  });
});
