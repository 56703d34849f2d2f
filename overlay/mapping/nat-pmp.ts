/**
 * NAT-PMP messages (RFC 6886): the outer address, and one TCP port mapped.
 *
 * Not supported: UDP mappings, announcements by multicast (the caller asks again from time to time),
 * and PCP (RFC 6887), whose servers answer version 0 with "unsupported version".
 */
import { ByteReader, ByteWriter } from "../../platform/bytes.ts";
import { WireError } from "../../platform/errors.ts";

export const NAT_PMP_PORT = 5351;
/** RFC 6886 §3: longer ones are to be dropped. */
export const PMP_ANSWER_BYTES_MAX = 1100;

const VERSION = 0;
const OP = { address: 0, mapTcp: 2 } as const;
const ANSWER = 128;
const RESULTS: Readonly<Record<number, string>> = {
  1: "its version of the protocol is another one",
  2: "port mapping is not allowed",
  3: "it has no outer address itself",
  4: "it has no port left",
  5: "it maps no TCP ports",
};

export type PmpAnswer =
  | {
      readonly type: "address";
      /** Since the router forgot its mappings, in s. */
      readonly epochS: number;
      readonly address: string;
    }
  | {
      readonly type: "mapped";
      readonly epochS: number;
      readonly innerPort: number;
      readonly outerPort: number;
      /** 0: it is mapped no more. */
      readonly lifetimeS: number;
    }
  | { readonly type: "refused"; readonly about: "address" | "mapped"; readonly reason: string };

export function encodeAddressRequest(): Uint8Array {
  return Uint8Array.of(VERSION, OP.address);
}

/** @param lifetimeS 0 takes the mapping away; the outer port is then 0 (RFC 6886 §3.4) */
export function encodeMapRequest(
  innerPort: number,
  outerPort: number,
  lifetimeS: number,
): Uint8Array {
  const writer = new ByteWriter(12).u8(VERSION).u8(OP.mapTcp).u16(0);
  return writer
    .u16(innerPort)
    .u16(lifetimeS === 0 ? 0 : outerPort)
    .u32(lifetimeS)
    .finish();
}

/** @throws {WireError} unless it answers one of the two requests */
export function decodePmpAnswer(bytes: Uint8Array): PmpAnswer {
  if (bytes.length > PMP_ANSWER_BYTES_MAX) throw new WireError("too long for NAT-PMP");
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  const op = reader.u8() - ANSWER;
  const result = reader.u16();
  if (op !== OP.address && op !== OP.mapTcp) throw new WireError("answers another question");
  const about = op === OP.address ? "address" : "mapped";
  if (version !== VERSION || result !== 0)
    return { type: "refused", about, reason: RESULTS[result] ?? `result ${result}` };
  const epochS = reader.u32();
  if (op === OP.address) return { type: "address", epochS, address: reader.bytes(4).join(".") };
  const innerPort = reader.u16();
  const outerPort = reader.u16();
  const lifetimeS = reader.u32();
  if (innerPort === 0 || (outerPort === 0 && lifetimeS > 0))
    throw new WireError("a mapping without a port");
  return { type: "mapped", epochS, innerPort, outerPort, lifetimeS };
}
