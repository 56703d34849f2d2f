/**
 * A DNS-SD service instance as a link announces it (RFC 6763).
 *
 * Names are labels, never dotted text: an instance is one label that may hold dots (§4.1.1).
 */
import type { DnsName } from "../../platform/dns/name.ts";

/** Which service: unique on a link. */
export interface ServiceId {
  /** One label: 1 to 63 bytes of UTF-8 in NFC, no control characters. Case matters to people only. */
  readonly instance: string;
  /** `_ipp._tcp`; without subtype and domain, in lower case. */
  readonly type: string;
}

export interface ZeroconfService extends ServiceId {
  /** Labels such as `_printer`, without `_sub`. Any order. */
  readonly subtypes: readonly string[];
  /** The SRV target; ends in `local` on a link. */
  readonly host: DnsName;
  /** 1 to 65535; 0 only for a name that is kept and not offered (RFC 6763 §4.3: the flagship protocol). */
  readonly port: number;
  /** Strings of 1 to 255 bytes, in their order; empty for an empty TXT record. Opaque bytes. */
  readonly txt: readonly Uint8Array[];
  /** IPv4 and IPv6 as text, no zone, any order. */
  readonly addresses: readonly string[];
}

/** Two services are the same whatever the case of their ASCII letters (RFC 6762 §16). */
export function serviceKey({ instance, type }: ServiceId): string {
  return `${instance.replace(/[A-Z]/g, (letter) => letter.toLowerCase())}\n${type.toLowerCase()}`;
}
