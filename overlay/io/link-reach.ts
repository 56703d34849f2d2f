/** Which addresses this host has on its link, and which others are on it too. */
import { networkInterfaces } from "node:os";
import { isIpv6LinkLocal, isOnLink, parseAddress } from "../link/address.ts";
import { pickLink } from "./interfaces.ts";
import type { NodeReach } from "./nodes.ts";

/** Addresses that others can dial without knowing our interface's name: no link-local ones. */
export function dialableAddresses(named: string | null): readonly string[] {
  return (pickLink(named)?.addresses ?? [])
    .map(({ address }) => address)
    .filter((address) => !isIpv6LinkLocal(parseAddress(address) ?? new Uint8Array()));
}

export function isAddressOnLink(address: string, named: string | null): boolean {
  const link = pickLink(named);
  return link !== undefined && isOnLink(address, link);
}

/** @param allowsWan false keeps every connection on the link */
export function nodeReach(named: string | null, allowsWan: boolean): NodeReach {
  const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ family }) => family === "IPv6"),
  );
  const allows = (address: string): boolean => allowsWan || isAddressOnLink(address, named);
  return { hasIpv4: true, hasIpv6, allows };
}
