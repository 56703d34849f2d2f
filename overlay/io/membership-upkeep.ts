/**
 * What becomes of memberships after admission: renewed, given to hosts that waited, taken back.
 *
 * All of it is signed by the authority where this host has its key, else by this host.
 */
import { isEqualBytes } from "../../platform/bytes.ts";
import { OverlayError } from "../errors.ts";
import { readLeaf, type CheckedMembership } from "../identity/certificate.ts";
import type { Greeting } from "../identity/hello.ts";
import { createKeyPair } from "../identity/keys.ts";
import { createRevocation } from "../identity/revocation.ts";
import type { Membership, Signed } from "../schema/messages.ts";
import type { MemberState } from "./member-state.ts";

/**
 * A newer certificate for a member: its flags, its binding and its first admission stay.
 *
 * @throws {OverlayError} ERR_OVERLAY_CERTIFICATE when this host cannot give as much
 */
export function renewMember(members: MemberState, former: CheckedMembership): Membership {
  const { host, mayAdmit, linkSubnet, admittedAtMs } = former;
  if (!members.holdsAuthority && members.isExpired)
    throw new OverlayError("ERR_OVERLAY_CERTIFICATE", "this host's own membership has expired");
  const membership = members.certify({ host, mayAdmit, linkSubnet, admittedAtMs });
  if (readLeaf(membership).mayAdmit === mayAdmit) return membership;
  throw new OverlayError(
    "ERR_OVERLAY_CERTIFICATE",
    "this host stands too far from the authority to renew that; ask one that is nearer",
  );
}

/** The authority's host needs nobody for that. @returns whether this is that host */
export async function renewByOwnAuthority(members: MemberState): Promise<boolean> {
  if (!members.holdsAuthority) return false;
  const { host, mayAdmit, admittedAtMs, linkSubnet } = readLeaf(members.membership);
  const bound = linkSubnet.length > 0 ? linkSubnet : null;
  const request = { host, mayAdmit, linkSubnet: bound, admittedAtMs: Number(admittedAtMs) };
  await acceptRenewal(members, members.certify(request));
  return true;
}

/** @throws {OverlayError} ERR_OVERLAY_CERTIFICATE when it says another thing than the present one */
export async function acceptRenewal(members: MemberState, membership: Membership): Promise<void> {
  await members.update((overlay) => {
    const next = members.checkOwn(membership, overlay.id);
    const own = readLeaf(overlay.membership);
    const isSame =
      next.mayAdmit === own.mayAdmit &&
      next.admittedAtMs === Number(own.admittedAtMs) &&
      isEqualBytes(next.linkSubnet ?? new Uint8Array(), own.linkSubnet);
    if (isSame) return { ...overlay, membership };
    throw new OverlayError("ERR_OVERLAY_CERTIFICATE", "the renewed membership is another one");
  });
}

/** Takes over a membership for the next generation of the subnet that this host is bound to. */
export async function acceptForSubnet(
  members: MemberState,
  membership: Membership,
  subnet: Uint8Array,
): Promise<void> {
  await members.update((overlay) => {
    const { linkSubnet } = members.checkOwn(membership, overlay.id);
    if (linkSubnet !== null && isEqualBytes(linkSubnet, subnet)) return { ...overlay, membership };
    throw new OverlayError("ERR_OVERLAY_CERTIFICATE", "that membership is for another link");
  });
}

/**
 * A new membership for a host of the link whose own is bound to the subnet that it comes from.
 *
 * @param formers keys that the subnet had before: who was bound to one is bound to this one
 * @throws {OverlayError} ERR_OVERLAY_LOCKED where the link is not open
 */
export function renewForLink(
  members: MemberState,
  { host, membership }: Greeting,
  subnet: Uint8Array,
  formers: readonly Uint8Array[],
): Membership | null {
  const bound = membership?.linkSubnet ?? null;
  if (bound === null || isEqualBytes(bound, subnet)) return null;
  if (!members.isOpenAt(subnet) && !formers.some((former) => isEqualBytes(former, bound)))
    throw new OverlayError("ERR_OVERLAY_LOCKED", "that host was admitted on another link");
  return members.certify({ host, mayAdmit: true, linkSubnet: subnet });
}

/** Lets a host in that waits at a locked link. @throws {OverlayError} ERR_OVERLAY_REVOKED */
export async function admitWaiting(
  members: MemberState,
  host: Uint8Array,
  mayAdmit: boolean,
): Promise<Membership> {
  members.checkNotRemoved(host);
  await members.lock();
  return members.certify({ host, mayAdmit, linkSubnet: null });
}

/**
 * Signs a host's removal.
 *
 * @param kept hosts that it admitted and that stay
 * @throws {OverlayError} ERR_OVERLAY_CERTIFICATE when this host may not revoke
 */
export function signRemoval(
  members: MemberState,
  host: Uint8Array,
  kept: readonly Uint8Array[],
  wallMs: number,
): Signed {
  const { overlay, hostKey, membership } = members;
  const request = { overlay: members.info.overlay, host, kept, wallMs };
  const seed = overlay?.authoritySeed ?? null;
  if (seed === null) return createRevocation(hostKey, membership, request);
  return createRevocation(createKeyPair(seed), null, request);
}
