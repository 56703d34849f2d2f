/** Addresses that a router lends: of which ports, and whether the wide area can route to them. */
import { isSamePrefix, parseAddress } from "../../platform/address.ts";

/** Ports of a host that a router maps: those of its two nodes. */
export type MappedPort = "subnet" | "host";

/** Outer addresses, one for each port that is mapped. */
export type OuterAddresses = { readonly [Port in MappedPort]: string | null };

/** RFC 6890: private, shared, loopback, link-local, benchmark, multicast and reserved addresses. */
const NOT_ROUTED: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
];

/** An IPv4 address of the wide area, as text. */
export function isPublicIpv4(text: string): boolean {
  const bytes = parseAddress(text);
  return bytes?.length === 4 && !isNotRouted(bytes);
}

/** An IPv4 address that a router has to translate. */
export function isPrivateIpv4(text: string): boolean {
  const bytes = parseAddress(text);
  return bytes?.length === 4 && isNotRouted(bytes);
}

function isNotRouted(bytes: Uint8Array): boolean {
  return NOT_ROUTED.some(([prefix, bits]) => isSamePrefix(bytes, parseAddress(prefix)!, bits));
}
