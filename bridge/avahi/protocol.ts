/**
 * What Avahi's D-Bus interface calls things (avahi-common/defs.h of 0.8).
 *
 * Wide-area DNS, which Avahi can do as well, is not used.
 */
import {
  type DnsData,
  EMPTY_MESSAGE,
  decodeMessage,
  encodeMessage,
} from "../../platform/dns/message.ts";
import type { DnsName } from "../../platform/dns/name.ts";
import { ByteWriter } from "../../platform/bytes.ts";
import { WireError } from "../../platform/errors.ts";

export const AVAHI_NAME = "org.freedesktop.Avahi";

/** Both address families, and the domain of the link. */
export const PROTOCOL_BOTH = -1;
export const DOMAIN = "local";

export const PUBLISH = {
  unique: 1,
  /** Announced without asking first. */
  noProbe: 2,
  /** Several records under a unique name and type, all ours. */
  allowMultiple: 8,
  /** No PTR record from the address back to the name, which the origin's own may have. */
  noReverse: 16,
  /** Replaces the group's record of that name and type. */
  update: 64,
} as const;

export const GROUP_STATE = { established: 2, collision: 3, failure: 4 } as const;

export const HOST_TTL_S = 120;
export const OTHER_TTL_S = 4500;

/** One method call on an entry group or the server. */
export interface AvahiCall {
  readonly member: string;
  /** The D-Bus signature of `body`. */
  readonly signature: string;
  readonly body: readonly unknown[];
}

/** A name as Avahi writes and reads it: dots between labels, those inside escaped. */
export function domainText(name: DnsName): string {
  return name.map((label) => label.replace(/[.\\]/g, "\\$&")).join(".");
}

/** Bytes before the data of a message whose one record belongs to the root. */
const BEFORE_DATA_BYTES = 12 + 1 + 10;

/**
 * The data of a record as a record browser hands it over, uncompressed.
 *
 * @throws {WireError}
 */
export function parseRecordData(code: number, bytes: Uint8Array): DnsData {
  const writer = new ByteWriter(BEFORE_DATA_BYTES + bytes.length);
  if (bytes.length > 0xffff) throw new WireError("record data of more than 64 KiB");
  writer.u16(0).u16(0x8400).u16(0).u16(1).u16(0).u16(0);
  writer.u8(0).u16(code).u16(1).u32(0).u16(bytes.length).bytes(bytes);
  const [record] = decodeMessage(writer.finish()).answers;
  if (record === undefined) throw new WireError("no record data");
  return record;
}

/** The other way round, for `AddRecord`. */
export function recordDataBytes(data: DnsData): Uint8Array {
  const answers = [{ ...data, name: [], ttlS: 0, isFlush: false }];
  return encodeMessage({ ...EMPTY_MESSAGE, isResponse: true, answers }).slice(BEFORE_DATA_BYTES);
}
