/** An input that stands for packets one after the other, for the targets that are machines on a link. */
import { ByteReader, concatBytes } from "../../../platform/bytes.ts";

const PACKETS_MAX = 24;

export interface TimedPacket {
  readonly data: Uint8Array;
  /** Where it comes from. */
  readonly port: number;
  /** Until the next one. */
  readonly waitMs: number;
}

/** A length of two bytes, what port and how long until the next, and the packet itself. */
export function timedPacket(bytes: Uint8Array, port = 0, wait = 8): Uint8Array {
  return concatBytes(Uint8Array.of(bytes.length >> 8, bytes.length, (port << 7) | wait), bytes);
}

/** The last one may be cut off. */
export function* readTimedPackets(bytes: Uint8Array): Generator<TimedPacket> {
  const reader = new ByteReader(bytes);
  for (let i = 0; i < PACKETS_MAX && reader.remaining >= 3; i++) {
    const length = reader.u16();
    const how = reader.u8();
    const data = reader.bytes(Math.min(length, reader.remaining));
    yield { data, port: how >= 128 ? 40_000 : 5353, waitMs: (how & 127) ** 2 };
  }
}
