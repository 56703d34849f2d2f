import fc from "fast-check";
import { readFileSync } from "node:fs";
import protobuf from "protobufjs";
import { describe, expect, it } from "vitest";
import { EXCHANGE_SCHEMA, messageFormat } from "../../../bridge/exchange/exchange-schema.ts";
import {
  decodeServiceRecord,
  encodeServiceRecord,
  originIdOf,
} from "../../../bridge/exchange/service-record.ts";
import { utf8 } from "../../../platform/bytes.ts";
import { WireError } from "../../../platform/errors.ts";
import { aRecord, idOf } from "./samples.ts";

describe("the schema", () => {
  it("is that of the .proto file", () => {
    const text = readFileSync(new URL("../../../bridge/exchange/exchange.proto", import.meta.url));
    const { root } = protobuf.parse(text.toString(), { keepCase: false });
    const nested = root.lookup("causeway.bridge") as protobuf.Namespace;
    const plain = Object.fromEntries(
      nested.nestedArray.map((type) => [type.name, type.toJSON() as { fields: object }]),
    );
    const json = JSON.stringify(plain, (key, value: unknown) =>
      key === "protoName" ? undefined : value,
    );
    expect(JSON.parse(json)).toEqual(EXCHANGE_SCHEMA);
  });
});

describe("a service record", () => {
  it("comes back as it was, and takes the same bytes each time", () => {
    const bytes = encodeServiceRecord(aRecord());
    expect(decodeServiceRecord(bytes)).toEqual(aRecord());
    expect(encodeServiceRecord(decodeServiceRecord(bytes))).toEqual(bytes);
  });

  it("carries any instance name and TXT byte for byte", () => {
    const label = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
      .filter((text) => utf8(text).length <= 63 && !/\p{Cc}/u.test(text) && text.isWellFormed());
    const txt = fc.array(fc.uint8Array({ minLength: 1, maxLength: 255 }), { maxLength: 9 });
    fc.assert(
      fc.property(label, txt, (instance, strings) => {
        const record = aRecord({ instance, txt: strings });
        expect(decodeServiceRecord(encodeServiceRecord(record))).toEqual(record);
      }),
      { numRuns: 300 },
    );
  });

  it("throws only WireError on any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(() => decodeServiceRecord(bytes)).toThrow(WireError);
      }),
    );
  });

  it.each([
    ["no exporter", { exporters: [] }],
    ["five exporters", { exporters: ["1", "2", "3", "4", "5"].map(idOf) }],
    ["an empty name", { instance: "" }],
    ["a name of 64 bytes", { instance: "x".repeat(64) }],
    ["a control character in a name", { instance: "a\u0007b" }],
    ["a type that is none", { type: "http" }],
    ["a port beyond 65535", { port: 65_536 }],
    ["version 0", { version: 0n }],
    ["two hops", { hopsLeft: 2 }],
    ["no path", { path: [] }],
    ["an empty TXT string", { txt: [new Uint8Array()] }],
    ["a TXT string of 256 bytes", { txt: [new Uint8Array(256)] }],
    ["a TXT of 3 kB", { txt: Array.from({ length: 12 }, () => new Uint8Array(255)) }],
    ["a subtype with a control character", { subtypes: ["_a\n"] }],
    ["17 subtypes", { subtypes: Array.from({ length: 17 }, (_, i) => `_s${i}`) }],
    ["9 addresses", { addresses: Array.from({ length: 9 }, (_, i) => `10.0.0.${i}`) }],
  ])("is refused with %s", (_what, given) => {
    expect(() => decodeServiceRecord(encodeServiceRecord(aRecord(given)))).toThrow(WireError);
  });

  it("is refused with an address of 5 bytes", () => {
    const format = messageFormat<{ addresses: Uint8Array[] }>("ServiceRecord", 4096);
    const message = format.decode(encodeServiceRecord(aRecord()));
    const bytes = format.encode({ ...message, addresses: [new Uint8Array(5)] });
    expect(() => decodeServiceRecord(bytes)).toThrow(/4 or 16 bytes/);
  });
});

describe("an origin id", () => {
  const origin = { originSubnet: idOf("subnet a"), instance: "Tom's Music", type: "_daap._tcp" };

  it("is the same whatever the case of ASCII letters (RFC 6762 §16), and of no other letters", () => {
    expect(originIdOf({ ...origin, instance: "TOM's music" })).toBe(originIdOf(origin));
    const [small, large] = ["é", "É"].map((instance) => originIdOf({ ...origin, instance }));
    expect(small).not.toBe(large);
  });

  it("differs by subnet, name and type", () => {
    const ids = [
      origin,
      { ...origin, originSubnet: idOf("subnet b") },
      { ...origin, instance: "Tom's Musi" },
      { ...origin, type: "_daap._udp" },
    ].map(originIdOf);
    expect(new Set(ids).size).toBe(4);
  });
});
