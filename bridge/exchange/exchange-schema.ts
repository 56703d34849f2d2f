/**
 * What the bridge puts into records and says between the hosts of a subnet, as protobuf messages.
 *
 * `bridge/exchange/exchange.proto` says the same for other programs; a test compares the two. Core code
 * reads no files, so the schema is an object here.
 */
import protobuf from "protobufjs/light.js";
import { errorMessage, WireError } from "../../platform/errors.ts";

const field = (type: string, id: number) => ({ type, id });
const list = (type: string, id: number) => ({ rule: "repeated", type, id });

/** What protobufjs' `Root.toJSON` gives for the .proto file. */
export const EXCHANGE_SCHEMA = {
  ServiceRecord: {
    fields: {
      originSubnet: field("bytes", 1),
      exporters: list("bytes", 2),
      version: field("uint64", 3),
      instance: field("string", 4),
      type: field("string", 5),
      subtypes: list("string", 6),
      port: field("uint32", 7),
      txt: list("bytes", 8),
      hostLabel: field("string", 9),
      site: field("string", 10),
      addresses: list("bytes", 11),
      path: list("bytes", 12),
      hopsLeft: field("uint32", 13),
      isWithdrawn: field("bool", 14),
      keys: list("string", 15),
      isListed: field("bool", 16),
    },
  },
  TypeList: { fields: { types: list("string", 1) } },
  CrewFrame: {
    fields: {
      beat: field("uint32", 1),
      canAct: field("bool", 2),
      shown: list("ShownService", 3),
      exported: list("ExportedService", 4),
      slots: list("SlotEpoch", 5),
    },
  },
  SlotEpoch: {
    fields: {
      epoch: field("uint64", 1),
      toldEpoch: field("uint64", 2),
      isHeld: field("bool", 3),
    },
  },
  ShownService: {
    fields: {
      origin: field("bytes", 1),
      instance: field("string", 2),
      port: field("uint32", 3),
      isGone: field("bool", 4),
    },
  },
  ExportedService: { fields: { origin: field("bytes", 1), version: field("uint64", 2) } },
  SiteFrame: { fields: { ping: field("uint32", 1), pong: field("uint32", 2) } },
};

const root = protobuf.Root.fromJSON({
  nested: { bridge: { edition: "proto3", nested: EXCHANGE_SCHEMA } },
});

/** Absent strings, numbers, bytes and lists read as empty, absent messages as null, 64 bits as bigint. */
export interface MessageFormat<Message> {
  encode(message: Message): Uint8Array;
  /** @throws {WireError} on anything that is not such a message or is over the bound */
  decode(bytes: Uint8Array): Message;
}

/** The format of one message; `Message` must describe its fields, and nothing checks that it does. */
export function messageFormat<Message extends object>(
  name: keyof typeof EXCHANGE_SCHEMA,
  bytesMax: number,
): MessageFormat<Message> {
  const type = root.lookupType(`bridge.${name}`);
  return {
    encode: (message) => new Uint8Array(type.encode(type.fromObject(message)).finish()),
    decode(bytes) {
      if (bytes.length > bytesMax)
        throw new WireError(`${name} of ${bytes.length} bytes; at most ${bytesMax} are allowed`);
      try {
        const message = type.decode(bytes);
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the caller's promise, see above
        return type.toObject(message, { defaults: true, arrays: true, longs: BigInt }) as Message;
      } catch (cause) {
        throw new WireError(`not a ${name}: ${errorMessage(cause)}`, -1, { cause });
      }
    },
  };
}
