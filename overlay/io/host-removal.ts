/** `revoke`: takes a host out of the overlay for good. */
import { fromBase32 } from "../../platform/base32.ts";
import { isEqualBytes, toHex } from "../../platform/bytes.ts";
import { OverlayError } from "../errors.ts";
import { hostsOf } from "../identity/certificate.ts";
import { findHost, isHostId } from "../identity/find-host.ts";
import { membershipOf, type SetHost } from "../subnet/host-set.ts";
import type { RevocationResult } from "../types.ts";
import type { MemberState } from "./member-state.ts";
import { signRemoval } from "./membership-upkeep.ts";
import type { RevocationExchange } from "./revocation-exchange.ts";

export interface RemovalScene {
  readonly members: MemberState;
  readonly exchange: RevocationExchange;
  /** Hosts known, of all subnets. */
  readonly hosts: readonly SetHost[];
  readonly wallMs: number;
}

/**
 * @param text          id, the beginning of one, or name of a known host; or any whole id
 * @param keepsAdmitted whether the hosts that it let in stay
 * @throws {OverlayError} saying who cannot be removed, or why not from here
 */
export async function removeHost(
  scene: RemovalScene,
  text: string,
  keepsAdmitted: boolean,
): Promise<RevocationResult> {
  const { members, exchange, hosts, wallMs } = scene;
  const target = findTarget(text, scene);
  const key = fromBase32(target.id);
  // The hosts that it admitted, and this host's own chain, which may lead through it.
  const chains = [hostsOf(members.membership), ...hosts.map((host) => hostsOf(membershipOf(host)))];
  const below = chains.filter((chain) => indexIn(chain, key) > 0);
  if (!keepsAdmitted && indexIn(chains[0]!, key) > 0)
    throw new OverlayError(
      "ERR_OVERLAY_REFUSED",
      "this host was itself let in by that one; run it without --with-admitted, or on another host",
    );
  const admitted = distinct(below.map((chain) => chain[indexIn(chain, key) - 1]!));
  const outside = keepsAdmitted ? [] : distinct(below.map((chain) => chain[0]!));
  const signed = [
    signRemoval(members, key, keepsAdmitted ? admitted : [], wallMs),
    ...outside.map((host) => signRemoval(members, host, [], wallMs)),
  ];
  await members.lock();
  await exchange.publish(signed);
  if (members.revoked.of(key) === undefined)
    throw new OverlayError(
      "ERR_OVERLAY_REFUSED",
      "this host was removed by one nearer to the authority, so its word does not count",
    );
  return {
    id: target.id,
    name: target.name,
    kept: keepsAdmitted ? admitted.length : 0,
    alsoRemoved: outside.length,
    isContestable: isContestable(members, target.depth),
  };
}

interface Target {
  readonly id: string;
  readonly name: string;
  /** Of its certificate; 0: not known. */
  readonly depth: number;
}

function findTarget(text: string, { members, hosts }: RemovalScene): Target {
  const host = findHost(text, hosts, "known");
  const { hostKey, overlay } = members;
  const id = host?.id ?? text;
  if (host === undefined && !isHostId(text))
    throw new OverlayError(
      "ERR_OVERLAY_REFUSED",
      `no known host is called "${text.slice(0, 64)}"; "causeway hosts" lists them, and one that ` +
        "is not there is named by its whole id",
    );
  if (id === hostKey.id)
    throw new OverlayError(
      "ERR_OVERLAY_REFUSED",
      'a host does not remove itself; "causeway leave" resigns from the overlay',
    );
  if (overlay !== null && isEqualBytes(fromBase32(id), overlay.id))
    throw new OverlayError("ERR_OVERLAY_REFUSED", "the authority's own key cannot be revoked");
  const depth = host === undefined ? 0 : membershipOf(host).chain.length;
  return { id, name: host?.name ?? "", depth };
}

/** Whether the removed host could answer with a revocation that counts as much or more. */
function isContestable(members: MemberState, depth: number): boolean {
  if (members.holdsAuthority) return false;
  return depth > 0 && depth <= members.membership.chain.length;
}

function indexIn(chain: readonly Uint8Array[], host: Uint8Array): number {
  return chain.findIndex((one) => isEqualBytes(one, host));
}

function distinct(keys: readonly Uint8Array[]): Uint8Array[] {
  return [...new Map(keys.map((key) => [toHex(key), key])).values()];
}
