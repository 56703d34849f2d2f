/**
 * The first frame each way on every connection, and the proof that follows it.
 *
 * The proof binds the host key to this very connection: a signature over both nonces and both
 * ends' peer ids, which noise has authenticated. Design, "Trust".
 */
import { concatBytes, isEqualBytes, utf8 } from "../../platform/bytes.ts";
import { OverlayError } from "../errors.ts";
import type { Frame, Hello } from "../schema/messages.ts";
import {
  checkChain,
  checkMembership,
  checkNotFuture,
  type CheckedMembership,
} from "./certificate.ts";
import { NOBODY_REVOKED, type Revoked } from "./revoked.ts";
import { isSignedBy, KEY_BYTES, type KeyPair } from "./keys.ts";

/** N speaks with N-1. */
export const WIRE_VERSION = 1;
export const WIRE_VERSION_MIN = 1;
export const NONCE_BYTES = 32;
const PROOF_DOMAIN = "causeway-hello-1";
const SUBNET_PROOF_DOMAIN = "causeway-sibling-1";

/** Both ends of a connection as one of them sees it. */
export interface ConnectionEnds {
  readonly ownNonce: Uint8Array;
  readonly peerNonce: Uint8Array;
  readonly ownPeerId: string;
  readonly peerPeerId: string;
}

export function proveHello(host: KeyPair, ends: ConnectionEnds): Uint8Array {
  return host.sign(
    PROOF_DOMAIN,
    transcript(ends.ownNonce, ends.peerNonce, ends.ownPeerId, ends.peerPeerId),
  );
}

/** Proof that the sender holds the key of the subnet that its hello names. */
export function proveSubnet(subnet: KeyPair, ends: ConnectionEnds): Uint8Array {
  return subnet.sign(
    SUBNET_PROOF_DOMAIN,
    transcript(ends.ownNonce, ends.peerNonce, ends.ownPeerId, ends.peerPeerId),
  );
}

export function isSubnetProven(
  subnet: Uint8Array,
  ends: ConnectionEnds,
  proof: Uint8Array,
): boolean {
  const body = transcript(ends.peerNonce, ends.ownNonce, ends.peerPeerId, ends.ownPeerId);
  return isSignedBy(subnet, SUBNET_PROOF_DOMAIN, body, proof);
}

export function isProven(peerHost: Uint8Array, ends: ConnectionEnds, proof: Uint8Array): boolean {
  const body = transcript(ends.peerNonce, ends.ownNonce, ends.peerPeerId, ends.ownPeerId);
  return isSignedBy(peerHost, PROOF_DOMAIN, body, proof);
}

/** What a hello established about the other end. */
export interface Greeting {
  readonly host: Uint8Array;
  /** Absent: not a member of this host's overlay; such a peer may only ask for admission. */
  readonly membership: CheckedMembership | undefined;
  /** A membership that was good once; its host may ask why, and renew it if it only expired. */
  readonly former: FormerMembership | undefined;
  /** The version that both speak. */
  readonly wire: number;
}

export interface FormerMembership {
  readonly membership: CheckedMembership;
  readonly why: "expired" | "revoked";
}

/**
 * Judges a hello; the proof is checked apart.
 *
 * @param overlay own overlay, or `undefined` when this host is itself not yet a member
 * @param revoked who has been removed
 * @throws {OverlayError} that says why the connection is cut
 */
export function checkHello(
  hello: Hello,
  overlay: Uint8Array | undefined,
  wallMs: number,
  revoked: Revoked = NOBODY_REVOKED,
): Greeting {
  if (hello.host.length !== KEY_BYTES || hello.nonce.length !== NONCE_BYTES)
    throw new OverlayError("ERR_OVERLAY_REFUSED", "a hello without host key or nonce");
  const wire = Math.min(WIRE_VERSION, hello.wireMax);
  if (wire < WIRE_VERSION_MIN || wire < hello.wireMin)
    throw new OverlayError(
      "ERR_OVERLAY_VERSION",
      `the peer speaks wire versions ${hello.wireMin} to ${hello.wireMax}, ` +
        `this host ${WIRE_VERSION_MIN} to ${WIRE_VERSION}; upgrade the older one`,
    );
  const isForeign = overlay === undefined || !isEqualBytes(hello.overlay, overlay);
  const stranger = { host: hello.host, membership: undefined, former: undefined, wire };
  if (hello.membership === null || isForeign) return stranger;
  const chain = checkChain(hello.membership, overlay);
  if (!isEqualBytes(chain.host, hello.host))
    throw new OverlayError("ERR_OVERLAY_CERTIFICATE", "the certificate is another host's");
  if (revoked.refusalOf(chain.hosts) !== undefined)
    return { ...stranger, former: { membership: chain, why: "revoked" } };
  if (chain.notAfterMs <= wallMs) {
    checkNotFuture(hello.membership, wallMs);
    return { ...stranger, former: { membership: chain, why: "expired" } };
  }
  const membership = checkMembership(hello.membership, overlay, wallMs, revoked);
  // Without a subnet, as after a restart, it may ask to be taken back and nothing else.
  const bound = hello.subnet.length > 0 ? membership.linkSubnet : null;
  if (bound !== null && !isEqualBytes(bound, hello.subnet))
    throw new OverlayError(
      "ERR_OVERLAY_CERTIFICATE",
      "the peer was admitted on an open link and holds no membership beyond it; give it a token",
    );
  return { ...stranger, membership };
}

/** @throws {OverlayError} when a frame is not written in the version agreed on */
export function checkFrameVersion({ wire = 0 }: Frame, agreed: number): void {
  if (wire === agreed) return;
  throw new OverlayError(
    "ERR_OVERLAY_VERSION",
    `a frame of wire version ${wire} on a connection that speaks ${agreed}`,
  );
}

function transcript(first: Uint8Array, second: Uint8Array, from: string, to: string): Uint8Array {
  return concatBytes(first, second, utf8(`${from}\0${to}`));
}
