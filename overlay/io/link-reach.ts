/** Which addresses this host has on its link, and which others are on it too. */
import { existsSync } from "node:fs";
import { networkInterfaces } from "node:os";
import type { Logger } from "../../platform/logger.ts";
import {
  isIpv6LinkLocal,
  isOnLink,
  parseAddress,
  type LinkAddressing,
} from "../../platform/address.ts";
import type { NodeReach } from "./nodes.ts";

/** There on Linux as long as the kernel speaks IPv6, with or without an address. */
const IPV6_TABLE = "/proc/net/if_inet6";

/** Addresses that others can dial without knowing our interface's name: no link-local ones. */
export function dialableAddresses(link: LinkAddressing | undefined): readonly string[] {
  return (link?.addresses ?? [])
    .map(({ address }) => address)
    .filter((address) => !isIpv6LinkLocal(parseAddress(address) ?? new Uint8Array()));
}

export function isAddressOnLink(address: string, link: LinkAddressing | undefined): boolean {
  return link !== undefined && isOnLink(address, link);
}

/**
 * @param link      the interface in use
 * @param allowsWan false keeps every connection on the link
 */
export function nodeReach(
  link: () => LinkAddressing | undefined,
  allowsWan: boolean,
  log: Logger,
): NodeReach {
  // A link-local address is of this link or of none.
  const allows = (address: string): boolean =>
    (allowsWan && !address.includes("%")) || isAddressOnLink(address, link());
  const refused = (address: string, reason: string): void =>
    log.warn("stranger refused", { address, reason });
  return { hasIpv4: true, hasIpv6: speaksIpv6(), allows, refused };
}

/** An interface with IPv6 may be plugged in later, so addresses alone do not tell. */
function speaksIpv6(): boolean {
  const isListed = Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ family }) => family === "IPv6"),
  );
  return isListed || existsSync(IPV6_TABLE);
}
