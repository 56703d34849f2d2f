/** When a membership is to be renewed, and whom to ask first. Design, "Trust". */
import { CERTIFICATE_LIFETIME_MS, endOf, hostsOf } from "./certificate.ts";
import type { Revoked } from "./revoked.ts";
import type { Membership } from "../schema/messages.ts";

/** Renewed when less than this share of a lifetime is left, and earlier by up to the jitter. */
const RENEW_SHARE = 1 / 3;
const JITTER_SHARE = 1 / 24;

/**
 * @param chance 0 to 1, the same for one host, so that hosts admitted together ask apart
 * @returns whether the chain ends soon, or leads through a host that was removed
 */
export function isRenewalDue(
  membership: Membership,
  revoked: Revoked,
  wallMs: number,
  chance: number,
): boolean {
  const leftMs = endOf(membership) - wallMs;
  const share = RENEW_SHARE + chance * JITTER_SHARE;
  return leftMs < share * CERTIFICATE_LIFETIME_MS || revoked.isShaken(hostsOf(membership));
}

export interface Renewer {
  readonly id: string;
  readonly isSibling: boolean;
  /** Of its own chain: what it gives is one step deeper. */
  readonly depth: number;
}

/** Siblings first, then those nearest to the authority. */
export function orderRenewers<Host extends Renewer>(hosts: readonly Host[]): Host[] {
  return hosts.toSorted((a, b) => Number(b.isSibling) - Number(a.isSibling) || a.depth - b.depth);
}
