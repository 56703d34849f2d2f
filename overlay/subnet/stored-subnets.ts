/**
 * The subnets that a host remembers, one for each link that it has been on.
 *
 * A host resumes a subnet only on that subnet's own link. The gateway's hardware address proves the
 * link; without it the prefix has to do, and with link-local addresses alone the last subnet. Design,
 * "A host adopts the link it is on".
 */
import { isEqualBytes } from "../../platform/bytes.ts";
import { compareLinks, isPrefixShared, type LinkFingerprint } from "../link/fingerprint.ts";

/** Links that a host comes back to; a laptop's rounds, not a travel diary. */
export const STORED_SUBNETS_MAX = 8;

export interface StoredSubnet extends LinkFingerprint {
  readonly claim: { readonly subnet: Uint8Array };
}

/** Newest first: the subnet in front, no other of the same key or certainly of the same link. */
export function rememberSubnet<S extends StoredSubnet>(stored: readonly S[], subnet: S): S[] {
  const others = stored.filter(
    (one) =>
      !isEqualBytes(one.claim.subnet, subnet.claim.subnet) && compareLinks(one, subnet) !== "same",
  );
  return [subnet, ...others].slice(0, STORED_SUBNETS_MAX);
}

/**
 * The stored subnet that belongs to a link; absent when none does.
 *
 * @param stored newest first
 * @param left   key of the subnet that this host just left because its link is another one; only a
 *   gateway that is known again brings it back
 */
export function pickStored<S extends StoredSubnet>(
  stored: readonly S[],
  link: LinkFingerprint,
  left: Uint8Array | null,
): S | undefined {
  const proven = stored.find((one) => compareLinks(one, link) === "same");
  if (proven !== undefined) return proven;
  return stored.find((one) => {
    if (left !== null && isEqualBytes(one.claim.subnet, left)) return false;
    if (compareLinks(one, link) !== "unknown") return false;
    return isPrefixShared(one, link) || link.prefixes.length === 0;
  });
}
