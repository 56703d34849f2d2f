/**
 * What tells one link from another: its prefixes and its gateway's hardware address.
 *
 * In the spirit of RFC 4436 and RFC 6059. Private prefixes repeat everywhere, so a shared one proves
 * nothing; a gateway that does not answer is unknown, not different.
 */

export interface LinkFingerprint {
  /** Such as `192.168.1.0/24`; those that every link has (fe80::/10, 169.254/16) are left out. */
  readonly prefixes: readonly string[];
  /** Lower case, `aa:bb:cc:dd:ee:ff`; `null` when the gateway is not known or did not answer. */
  readonly gatewayMac: string | null;
}

/** `unknown`: the fingerprints cannot tell; the hosts that were there can. */
export type LinkVerdict = "same" | "different" | "unknown";

export function compareLinks(a: LinkFingerprint, b: LinkFingerprint): LinkVerdict {
  const isShared = isPrefixShared(a, b);
  const isOpen = a.prefixes.length === 0 || b.prefixes.length === 0;
  if (a.gatewayMac !== null && b.gatewayMac !== null) {
    if (a.gatewayMac !== b.gatewayMac) return "different";
    // One router may show the same hardware address on several links.
    return isShared || isOpen ? "same" : "unknown";
  }
  return isShared || isOpen ? "unknown" : "different";
}

/** Two other gateways are two links, whatever else is alike. */
export function isGatewayOther(a: LinkFingerprint, b: LinkFingerprint): boolean {
  return a.gatewayMac !== null && b.gatewayMac !== null && a.gatewayMac !== b.gatewayMac;
}

export function isPrefixShared(a: LinkFingerprint, b: LinkFingerprint): boolean {
  return a.prefixes.some((prefix) => b.prefixes.includes(prefix));
}

/** What is known of one link by two looks at it; the later look counts where it saw something. */
export function refineFingerprint(
  earlier: LinkFingerprint,
  later: LinkFingerprint,
): LinkFingerprint {
  return {
    prefixes: later.prefixes.length > 0 ? later.prefixes : earlier.prefixes,
    gatewayMac: later.gatewayMac ?? earlier.gatewayMac,
  };
}
