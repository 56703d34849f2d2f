/** Which addresses this host has on its link, and which others are on it too. */
import { networkInterfaces } from "node:os";
import type { Logger } from "../../platform/logger.ts";
import { isIpv6LinkLocal, isOnLink, parseAddress, type LinkAddressing } from "../link/address.ts";
import { pickLink, readLink } from "./interfaces.ts";
import type { NodeReach } from "./nodes.ts";

/** Addresses that others can dial without knowing our interface's name: no link-local ones. */
export function dialableAddresses(named: string | null): readonly string[] {
  return (presentLink(named)?.addresses ?? [])
    .map(({ address }) => address)
    .filter((address) => !isIpv6LinkLocal(parseAddress(address) ?? new Uint8Array()));
}

export function isAddressOnLink(address: string, named: string | null): boolean {
  const link = presentLink(named);
  return link !== undefined && isOnLink(address, link);
}

/** A named interface may be gone for a while, as a USB adapter is: it has no addresses then. */
function presentLink(named: string | null): LinkAddressing | undefined {
  return named === null ? pickLink(null) : readLink(named);
}

/** @param allowsWan false keeps every connection on the link */
export function nodeReach(named: string | null, allowsWan: boolean, log: Logger): NodeReach {
  const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ family }) => family === "IPv6"),
  );
  const allows = (address: string): boolean => allowsWan || isAddressOnLink(address, named);
  const refused = (address: string, reason: string): void =>
    log.warn("stranger refused", { address, reason });
  return { hasIpv4: true, hasIpv6, allows, refused };
}
