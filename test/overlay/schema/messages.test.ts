import * as fc from "fast-check";
import protobuf from "protobufjs";
import { describe, expect, it } from "vitest";
import { WireError } from "../../../platform/errors.ts";
import * as messages from "../../../overlay/schema/messages.ts";
import { readSchema } from "../../../overlay/schema/io/schema-file.ts";
import { HELLO, SAMPLES, type Sample } from "./samples.ts";

const named = SAMPLES.map((sample): [string, Sample] => {
  const [part] = Object.keys(sample.message);
  return [sample.name === "Frame" ? `Frame with ${part}` : sample.name, sample];
});

/** Node buffers and plain arrays count as the same bytes. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}

const lookup = (name: string): protobuf.Type =>
  protobuf.parse(readSchema("peer.proto")).root.lookupType(`causeway.${name}`);

describe.each(named)("%s", (_name, { name, codec, bytesMax, message }) => {
  const encoded = codec.encode(message);

  it("gives back what was written, field for field", () => {
    expect(plain(codec.decode(encoded))).toEqual(plain(message));
  });

  it("has the fields of the schema, none more, none less", () => {
    const type = lookup(name);
    const declared = new Set(type.fieldsArray.map((field) => field.name));
    const parts = new Set(Object.keys(message));
    if (name === "Frame") expect(parts.isSubsetOf(declared)).toBe(true);
    else expect(parts).toEqual(declared);
  });

  it("throws only WireError on any bytes, and on any mutation of its own", () => {
    const mutated = fc
      .array(fc.tuple(fc.nat(encoded.length), fc.nat(255), fc.nat(2)), { maxLength: 4 })
      .map((changes) => mutate(encoded, changes));
    const cut = fc.nat(encoded.length).map((length) => encoded.subarray(0, length));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated, cut), (bytes) => {
        let decoded: object;
        try {
          decoded = codec.decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
          return;
        }
        // What decodes can be said again, and means the same.
        expect(plain(codec.decode(codec.encode(decoded)))).toEqual(plain(decoded));
      }),
      { numRuns: 200 },
    );
  });

  it("looks at nothing over its bound", () => {
    // An unknown field of the rest: allowed, and then one byte too long.
    const padded = (total: number): Uint8Array => {
      const bytes = new Uint8Array(total);
      const head = protobuf.Writer.create().uint32((1999 << 3) | 2);
      const rest = total - encoded.length - head.len;
      const size = rest - (rest > 16_386 ? 3 : rest > 129 ? 2 : 1);
      bytes.set(encoded);
      bytes.set(head.uint32(size).finish(), encoded.length);
      return bytes;
    };
    expect(plain(codec.decode(padded(bytesMax)))).toEqual(plain(message));
    expect(() => codec.decode(padded(bytesMax + 1))).toThrow(/are allowed/);
  });
});

function mutate(bytes: Uint8Array, changes: readonly [number, number, number][]): Uint8Array {
  let result = [...bytes];
  for (const [at, value, kind] of changes)
    if (kind === 0) result[at] = value;
    else if (kind === 1) result.splice(at, 1);
    else result = [...result.slice(0, at), value, ...result.slice(at)];
  return Uint8Array.from(result, (byte) => byte ?? 0);
}

describe("messages.ts and peer.proto", () => {
  it("name the same messages, each with a sample above", () => {
    const inSchema = protobuf
      .parse(readSchema("peer.proto"))
      .root.lookup("causeway") as protobuf.Namespace;
    const covered = new Set(SAMPLES.map((sample) => sample.name));
    const parts = ["Hello", "Proof", "Request", "Response", "Notice", "Goodbye"]; // of Frame
    const inner = ["RecordItem", "RecordOrigin", "PutOutcome", "Relay", "Floor"]; // of others
    for (const type of inSchema.nestedArray)
      expect(covered.has(type.name) || [...parts, ...inner].includes(type.name)).toBe(true);
    const codecs = Object.keys(messages).filter((name) => name.endsWith("Codec"));
    expect(new Set(codecs)).toEqual(new Set([...covered].map((name) => `${name}Codec`)));
    expect(new Set(Object.keys(HELLO))).toEqual(
      new Set(lookup("Hello").fieldsArray.map((field) => field.name)),
    );
  });

  it("read what is absent as empty, and 64 bits as bigint", () => {
    expect(messages.AdmitRequestCodec.decode(new Uint8Array())).toEqual({
      token: null,
      tokenSignature: expect.objectContaining({ length: 0 }),
      wantsSubnet: false,
      loneMadeMs: 0n,
      name: "",
    });
    expect(messages.HostSetsCodec.decode(new Uint8Array())).toEqual({ sets: [] });
    expect(messages.FrameCodec.decode(new Uint8Array())).toEqual({ wire: 0 });
  });

  it("ignore a field of a later version", () => {
    const bytes = Buffer.concat([
      messages.HostSetPullCodec.encode({ knownVersion: 5n }),
      Buffer.from("fa0103616263", "hex"), // field 31, bytes "abc"
    ]);
    expect(messages.HostSetPullCodec.decode(bytes)).toEqual({ knownVersion: 5n });
  });
});
