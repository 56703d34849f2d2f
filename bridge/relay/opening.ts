/**
 * What opens a relayed connection: one request and one answer at the head of a host stream.
 *
 * Each is a byte with the length of the rest, and the rest. A request: protocol (1 byte), origin id
 * (32 bytes). An answer: code (1 byte), reason for people (UTF-8). What a later version puts behind
 * the request is ignored. No address and no port is ever said: the exporter looks the service up in
 * what it exports itself.
 */
import { ByteReader, ByteWriter, concatBytes, utf8 } from "../../platform/bytes.ts";
import { WireError } from "../../platform/errors.ts";

/** Name of the stream protocol. */
export const RELAY_PROTOCOL = "bridge-relay/1";
export const ORIGIN_BYTES = 32;
/** The rest of a request or an answer, behind its length. */
export const OPENING_BYTES_MAX = 255;
const REASON_BYTES_MAX = OPENING_BYTES_MAX - 1;

export type RelayedProtocol = "tcp" | "udp";
const PROTOCOL_CODES = { tcp: 1, udp: 2 } as const;

export interface OpenRequest {
  readonly protocol: RelayedProtocol;
  /** 32 bytes, as the record of the service has it. */
  readonly origin: Uint8Array;
}

/** Why an exporter opens nothing. */
export type Refusal =
  | "unknown" // it exports no such service
  | "refused" // no rule lets the opener have it
  | "unreachable" // the service does not answer
  | "limit"; // too many connections already
const REFUSAL_CODES = { unknown: 1, refused: 2, unreachable: 3, limit: 4 } as const;
const OPENED = 0;

export type OpenAnswer =
  { readonly type: "opened" } | { readonly type: Refusal; readonly reason: string };

/** The length, and what is sent behind it. @param body at most 255 bytes */
export function withLength(body: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(body.length), body);
}

/** Without its length. */
export function encodeOpenRequest({ protocol, origin }: OpenRequest): Uint8Array {
  return new ByteWriter(1 + ORIGIN_BYTES).u8(PROTOCOL_CODES[protocol]).bytes(origin).finish();
}

/** @throws {WireError} */
export function decodeOpenRequest(body: Uint8Array): OpenRequest {
  const reader = new ByteReader(body);
  const code = reader.u8();
  if (code !== PROTOCOL_CODES.tcp && code !== PROTOCOL_CODES.udp)
    throw new WireError(`no relayed protocol has the code ${code}`, 0);
  return {
    protocol: code === PROTOCOL_CODES.tcp ? "tcp" : "udp",
    origin: reader.bytes(ORIGIN_BYTES).slice(),
  };
}

/** Without its length. A reason that is too long is cut. */
export function encodeOpenAnswer(answer: OpenAnswer): Uint8Array {
  if (answer.type === "opened") return Uint8Array.of(OPENED);
  return concatBytes(Uint8Array.of(REFUSAL_CODES[answer.type]), cut(utf8(answer.reason)));
}

/** A code of a later version counts as unreachable. @throws {WireError} */
export function decodeOpenAnswer(body: Uint8Array): OpenAnswer {
  const reader = new ByteReader(body);
  const code = reader.u8();
  if (code === OPENED) return { type: "opened" };
  const known = Object.entries(REFUSAL_CODES).find(([, one]) => one === code)?.[0];
  const bytes = reader.bytes(reader.remaining);
  if (bytes.length > REASON_BYTES_MAX) throw new WireError(`a reason of ${bytes.length} bytes`, 1);
  return { type: (known as Refusal | undefined) ?? "unreachable", reason: printable(bytes) };
}

/** At a whole character: what continues one begins with the bits 10. */
function cut(bytes: Uint8Array): Uint8Array {
  let length = Math.min(bytes.length, REASON_BYTES_MAX);
  if (length < bytes.length) while (length > 0 && (bytes[length]! & 0xc0) === 0x80) length--;
  return bytes.subarray(0, length);
}

/** A peer's words end in logs and on terminals. */
function printable(bytes: Uint8Array): string {
  // oxlint-disable-next-line no-control-regex -- they are what is taken out
  return new TextDecoder().decode(bytes).replace(/[\u0000-\u001f\u007f-\u009f\ufffd]/g, "?");
}
