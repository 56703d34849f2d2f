/**
 * Services that say goodbye in a packet of multicast DNS.
 *
 * A browser holds what said goodbye for another second, so that somebody can rescue it (RFC 6762
 * §10.1), and the browsers of the other site do so again. An exporter that hears the packet itself
 * saves the first of the two, and takes its word back when the service is rescued.
 */
import { decodeMessage, type DnsRecord } from "../../platform/dns/message.ts";
import type { DnsName } from "../../platform/dns/name.ts";
import { WireError } from "../../platform/errors.ts";
import type { ServiceId } from "../zeroconf/service.ts";

const FLAG_RESPONSE_BYTE = 2;
const RESPONSE = 0x80;

/** @returns none for what is no response, malformed, or says no goodbye to a service */
export function goodbyesIn(packet: Uint8Array): readonly ServiceId[] {
  if (((packet[FLAG_RESPONSE_BYTE] ?? 0) & RESPONSE) === 0) return [];
  try {
    const { answers, additionals } = decodeMessage(packet);
    return [...answers, ...additionals].flatMap((record) => goodbyeOf(record) ?? []);
  } catch (error) {
    if (error instanceof WireError) return [];
    throw error;
  }
}

function goodbyeOf(record: DnsRecord): ServiceId | undefined {
  if (record.ttlS !== 0) return undefined;
  if (record.type === "srv") return instanceOf(record.name);
  return record.type === "ptr" ? instanceOf(record.target) : undefined;
}

/** `[instance, _type, _proto, local]` */
function instanceOf([instance, type, protocol, domain, ...more]: DnsName): ServiceId | undefined {
  if (instance === undefined || type === undefined || protocol === undefined) return undefined;
  if (domain?.toLowerCase() !== "local" || more.length > 0) return undefined;
  if (!type.startsWith("_") || !/^_(?:tcp|udp)$/i.test(protocol)) return undefined;
  return { instance, type: `${type}.${protocol}`.toLowerCase() };
}
