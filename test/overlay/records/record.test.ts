import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import protobuf from "protobufjs";
import { describe, expect, it } from "vitest";
import { concatBytes, fromHex, toHex, utf8 } from "../../../platform/bytes.ts";
import { WireError } from "../../../platform/errors.ts";
import { OverlayError } from "../../../overlay/errors.ts";
import {
  BODY_BYTES_MAX,
  compareRecords,
  decodeRecord,
  encodeRecord,
  RECORD_BYTES_MAX,
  recordBytes,
  signRecord,
  slotIdOf,
  verifyRecord,
  type RecordFields,
  type SignedRecord,
} from "../../../overlay/records/record.ts";
import { RECORD_SCHEMA } from "../../../overlay/records/record-schema.ts";
import { createKeyPair } from "../../../overlay/identity/keys.ts";
import type { CopyPolicy } from "../../../overlay/types.ts";
import { keyOf, makeRecord, publisherOf } from "./fixture.ts";
import { GOLDEN } from "./golden.ts";

const policy: fc.Arbitrary<CopyPolicy> = fc.oneof(
  fc.constantFrom<CopyPolicy>({ type: "one" }, { type: "all" }, { type: "demand" }),
  fc.record({ type: fc.constant("copies" as const), count: fc.integer({ min: 1, max: 16 }) }),
);

const fields: fc.Arbitrary<RecordFields> = fc
  .record({
    key: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    publisher: fc.constant(publisherOf("anna").publicKey),
    slot: fc.string({ unit: "binary", maxLength: 16 }),
    version: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
    issuedAtMs: fc.maxSafeNat(),
    lifetimeMs: fc.integer({ min: 1000, max: 86_400_000 }),
    value: fc.uint8Array({ maxLength: 4096, size: "medium" }),
    isRemoved: fc.boolean(),
    policy,
    delegation: fc.uint8Array({ maxLength: 1024 }),
  })
  .map((record) => (record.isRemoved ? { ...record, value: new Uint8Array() } : record));

function fieldsOf(record: SignedRecord): RecordFields {
  const { body: _, signature: _s, ...rest } = record;
  return rest;
}

describe("record codec", () => {
  it("gives back what was signed", () => {
    fc.assert(
      fc.property(fields, (given) => {
        const signed = signRecord(given, publisherOf("anna"));
        const read = decodeRecord(encodeRecord(signed));
        expect(fieldsOf(read)).toEqual(given);
        expect(read).toEqual(signed);
        expect(verifyRecord(read)).toBe(true);
        expect(recordBytes(read)).toBe(encodeRecord(read).length);
      }),
      { numRuns: 60 },
    );
  });

  it("holds the largest record there is", () => {
    const record = makeRecord({
      slot: "ä".repeat(32),
      version: 2n ** 64n - 1n,
      issuedAtMs: Number.MAX_SAFE_INTEGER,
      lifetimeMs: 86_400_000,
      value: new Uint8Array(4096).fill(1),
      delegation: new Uint8Array(1024).fill(2),
      policy: { type: "copies", count: 16 },
    });
    expect(record.body.length).toBe(5289);
    expect(record.body.length).toBeLessThan(BODY_BYTES_MAX);
    expect(decodeRecord(encodeRecord(record))).toEqual(record);
  });

  it("throws nothing but WireError on any bytes", () => {
    const wellBegun = fc
      .tuple(fc.constantFrom(...Object.values(GOLDEN)), fc.nat(), fc.uint8Array())
      .map(([hex, at, noise]) => {
        const bytes = fromHex(hex);
        bytes.set(
          noise.subarray(0, bytes.length),
          (at % bytes.length) % (bytes.length - noise.length || 1),
        );
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), wellBegun), (bytes) => {
        try {
          decodeRecord(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("refuses groups nested ever deeper, and what is too long, as WireError", () => {
    const start = new Uint8Array(RECORD_BYTES_MAX).fill(0x0b); // field 1, start of group
    expect(() => decodeRecord(start)).toThrow(WireError);
    expect(() => decodeRecord(new Uint8Array(RECORD_BYTES_MAX + 1))).toThrow(WireError);
  });

  it("refuses bytes that end too early", () => {
    const bytes = fromHex(GOLDEN.full);
    for (let length = 0; length < bytes.length; length++)
      expect(() => decodeRecord(bytes.subarray(0, length))).toThrow(WireError);
  });

  it("refuses a slot that is not UTF-8", () => {
    const { body, signature } = makeRecord({ slot: "ab" });
    const at = Buffer.from(body).indexOf("ab");
    const bent = Uint8Array.from(body);
    bent.set([0xc0, 0x80], at); // an overlong NUL
    expect(() => decodeRecord(encodeRecord({ ...makeRecord(), body: bent, signature }))).toThrow(
      WireError,
    );
  });

  it("keeps no hold of the buffer it read from", () => {
    const bytes = new Uint8Array(1 << 16);
    bytes.set(fromHex(GOLDEN.full));
    const record = decodeRecord(bytes.subarray(0, GOLDEN.full.length / 2));
    expect(record.value.buffer.byteLength).toBeLessThan(1000);
    bytes.fill(0);
    expect(verifyRecord(record)).toBe(true);
  });

  it.each([
    ["a short key", { key: new Uint8Array(31) }],
    ["a long slot", { slot: "ä".repeat(33) }],
    ["half a character", { slot: "\ud800" }],
    ["version 0", { version: 0n }],
    ["version 2^64", { version: 2n ** 64n }],
    ["a negative time", { issuedAtMs: -1 }],
    ["999 ms", { lifetimeMs: 999 }],
    ["more than a day", { lifetimeMs: 86_400_001 }],
    ["a long value", { value: new Uint8Array(4097) }],
    ["a tombstone with a value", { isRemoved: true }],
    ["17 copies", { policy: { type: "copies", count: 17 } }],
    ["a long delegation", { delegation: new Uint8Array(1025) }],
  ] as const)("signs no record with %s", (_, wrong) => {
    const good = fieldsOf(makeRecord());
    expect(() => signRecord({ ...good, ...wrong }, publisherOf("anna"))).toThrow(OverlayError);
  });
});

describe("signature", () => {
  it("fails when any bit of the envelope is flipped", () => {
    const bytes = encodeRecord(makeRecord());
    let decoded = 0;
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const bent = Uint8Array.from(bytes);
      bent[bit >> 3]! ^= 1 << (bit & 7);
      try {
        expect(verifyRecord(decodeRecord(bent)), `bit ${bit}`).toBe(false);
        decoded++;
      } catch (error) {
        expect(error).toBeInstanceOf(WireError);
      }
    }
    expect(decoded).toBeGreaterThan(64 * 8); // at least each bit of the signature
  });

  it("is good for no other domain", () => {
    const record = makeRecord();
    const signature = publisherOf("anna").sign("causeway-token-1", record.body);
    expect(verifyRecord({ ...record, signature })).toBe(false);
  });

  it("is another's when somebody else signs", () => {
    const forged = signRecord(fieldsOf(makeRecord()), publisherOf("mallory"));
    expect(verifyRecord(forged)).toBe(false);
  });

  it("survives fields of a later version, which are passed on", () => {
    const bytes = fromHex(GOLDEN.later);
    const record = decodeRecord(bytes);
    expect(verifyRecord(record)).toBe(true);
    expect(toHex(encodeRecord(record))).toBe(GOLDEN.later);
  });

  it("covers everything: what stands beside it in the envelope is dropped", () => {
    const bytes = concatBytes(fromHex(GOLDEN.least), fromHex("1a03616263"));
    expect(toHex(encodeRecord(decodeRecord(bytes)))).toBe(GOLDEN.least);
  });
});

describe("bytes of another implementation", () => {
  const pair = createKeyPair(keyOf("golden publisher"));

  it.each(Object.entries(GOLDEN))("verify: %s", (_, hex) => {
    const record = decodeRecord(fromHex(hex));
    expect(verifyRecord(record)).toBe(true);
    expect(toHex(record.publisher)).toBe(toHex(pair.publicKey));
  });

  it("read as they were meant, and come out the same when we sign them", () => {
    const full = decodeRecord(fromHex(GOLDEN.full));
    expect(fieldsOf(full)).toEqual({
      key: keyOf("Drücker"),
      publisher: pair.publicKey,
      slot: "büro/🖨",
      version: 2n ** 64n - 1n,
      issuedAtMs: 1_760_000_000_123,
      lifetimeMs: 86_400_000,
      value: Uint8Array.from({ length: 200 }, (_, i) => i),
      isRemoved: false,
      policy: { type: "copies", count: 16 },
      delegation: Uint8Array.of(1, 2, 3),
    });
    expect(toHex(encodeRecord(signRecord(fieldsOf(full), pair)))).toBe(GOLDEN.full);
    const tombstone = decodeRecord(fromHex(GOLDEN.tombstone));
    expect(tombstone).toMatchObject({ isRemoved: true, policy: { type: "all" }, version: 300n });
    expect(toHex(encodeRecord(signRecord(fieldsOf(tombstone), pair)))).toBe(GOLDEN.tombstone);
  });
});

describe("schema", () => {
  it("is the .proto file's", () => {
    const url = new URL("../../../overlay/schema/record.proto", import.meta.url);
    const { root } = protobuf.parse(readFileSync(url, "utf8"));
    const types = Object.keys(RECORD_SCHEMA).map((name) => {
      const fieldsArray = root.lookupType(`causeway.records.${name}`).fieldsArray;
      const described = fieldsArray.map(
        (one) => [one.name, { type: one.type, id: one.id }] as const,
      );
      return [name, { fields: Object.fromEntries(described) }] as const;
    });
    expect(Object.fromEntries(types)).toEqual(RECORD_SCHEMA);
    expect(types.length).toBe(root.define("causeway.records").nestedArray.length);
  });
});

describe("compareRecords", () => {
  it("prefers the newer version, then the tombstone", () => {
    const first = makeRecord({ version: 9n });
    const second = makeRecord({ version: 10n });
    const removed = makeRecord({ version: 10n, isRemoved: true });
    expect(compareRecords(second, first)).toBeGreaterThan(0);
    expect(compareRecords(removed, second)).toBeGreaterThan(0);
    expect(compareRecords(removed, makeRecord({ version: 11n }))).toBeLessThan(0);
  });

  it("is a total order, so that holders agree whatever comes first", () => {
    const some = fc
      .record({
        version: fc.bigInt({ min: 1n, max: 3n }),
        text: fc.nat(3),
        isRemoved: fc.boolean(),
      })
      .map(({ version, text, isRemoved }) =>
        makeRecord({ version, isRemoved, ...(isRemoved ? {} : { value: utf8(`${text}`) }) }),
      );
    fc.assert(
      fc.property(some, some, some, (a, b, c) => {
        expect(Math.sign(compareRecords(a, b))).toBe(-Math.sign(compareRecords(b, a)) + 0);
        expect(compareRecords(a, b) === 0).toBe(toHex(a.body) === toHex(b.body));
        if (compareRecords(a, b) > 0 && compareRecords(b, c) > 0)
          expect(compareRecords(a, c)).toBeGreaterThan(0);
      }),
    );
  });
});

describe("slotIdOf", () => {
  it("differs with key, publisher and slot, not with version", () => {
    const ids = [
      makeRecord(),
      makeRecord({ key: "b" }),
      makeRecord({ publisher: "b" }),
      makeRecord({ slot: "b" }),
    ].map(slotIdOf);
    expect(new Set(ids).size).toBe(4);
    expect(slotIdOf(makeRecord({ version: 7n }))).toBe(ids[0]);
  });
});
