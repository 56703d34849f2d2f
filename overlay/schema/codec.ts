/**
 * Protobuf messages as plain typed objects, with decoding that throws `WireError` and nothing else.
 *
 * The schema is `peer.proto`; `messages.ts` says the same in types. Absent strings, numbers, bytes
 * and lists read as empty, absent messages as null, 64-bit numbers as bigint.
 */
import protobuf from "protobufjs";
import { errorMessage, WireError } from "../../platform/errors.ts";
import { readSchema } from "./io/schema-file.ts";

export interface Codec<T> {
  encode(message: T): Uint8Array;
  /** @throws {WireError} on anything that is not such a message or is over the bound */
  decode(bytes: Uint8Array): T;
}

/** Most that one message may hold; a frame is never larger. */
export const MESSAGE_BYTES_MAX = 256 * 1024;

const root = protobuf.parse(readSchema("peer.proto")).root;

/**
 * @param name     the message's name in `peer.proto`
 * @param bytesMax largest encoding that is looked at
 */
export function createCodec<T extends object>(
  name: string,
  bytesMax = MESSAGE_BYTES_MAX,
): Codec<T> {
  const type = root.lookupType(`causeway.${name}`);
  return {
    encode: (message) => type.encode(type.fromObject(message)).finish(),
    decode(bytes) {
      if (bytes.length > bytesMax)
        throw new WireError(`${name} of ${bytes.length} bytes; at most ${bytesMax} are allowed`);
      try {
        const message = type.decode(bytes);
        return type.toObject(message, { defaults: true, arrays: true, longs: BigInt }) as T;
      } catch (cause) {
        throw new WireError(`not a ${name}: ${errorMessage(cause)}`, -1, { cause });
      }
    },
  };
}
