/**
 * `overlay/schema/record.proto` as an object.
 *
 * Core code reads no files, and a published package carries this module like any other; it also
 * saves the parser. A test compares it with the .proto text.
 */
import protobuf from "protobufjs/light.js";

const field = (type: string, id: number) => ({ type, id });

/** What protobufjs' `Root.toJSON` gives for the .proto file. */
export const RECORD_SCHEMA = {
  RecordEnvelope: {
    fields: { body: field("bytes", 1), signature: field("bytes", 2) },
  },
  RecordBody: {
    fields: {
      key: field("bytes", 1),
      publisher: field("bytes", 2),
      slot: field("string", 3),
      version: field("uint64", 4),
      issuedAtMs: field("uint64", 5),
      lifetimeMs: field("uint32", 6),
      value: field("bytes", 7),
      isRemoved: field("bool", 8),
      copyPolicy: field("uint32", 9),
      copies: field("uint32", 10),
      delegation: field("bytes", 11),
    },
  },
  StoredRecord: {
    fields: {
      envelope: field("bytes", 1),
      expiresAtMs: field("uint64", 2),
      isOwned: field("bool", 3),
      fromSubnet: field("string", 4),
      byHost: field("string", 5),
      isVouched: field("bool", 6),
    },
  },
  StoredFloor: {
    fields: {
      version: field("uint64", 1),
      expiresAtMs: field("uint64", 2),
      keepUntilMs: field("uint64", 3),
      isRemoved: field("bool", 4),
      fromSubnet: field("string", 5),
    },
  },
};

const root = protobuf.Root.fromJSON({
  nested: { records: { edition: "proto3", nested: RECORD_SCHEMA } },
});

/** A 64-bit number as protobufjs has it. */
export type WireLong = {
  readonly low: number;
  readonly high: number;
  readonly unsigned: boolean;
};

/** Encodes and decodes one message; whatever protobufjs throws is left to the codec to wrap. */
export interface MessageCodec<Message> {
  encode(message: Message): Uint8Array;
  decode(bytes: Uint8Array): Message;
}

/** The codec of one message; `Message` must describe its fields, and nothing checks that it does. */
export function messageCodec<Message extends object>(
  name: keyof typeof RECORD_SCHEMA,
): MessageCodec<Message> {
  const type = root.lookupType(`records.${name}`);
  return {
    encode: (message) => new Uint8Array(type.encode(message).finish()),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the caller's promise, see above
    decode: (bytes) => type.decode(bytes) as unknown as Message,
  };
}

export function toWireLong(value: bigint): WireLong {
  return {
    low: Number(BigInt.asIntN(32, value)),
    high: Number(BigInt.asIntN(32, value >> 32n)),
    unsigned: true,
  };
}

export function fromWireLong({ low, high }: WireLong): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}
