/**
 * Membership: a chain of certificates from the overlay's authority to a host.
 *
 * A host that may admit signs certificates one step deeper than its own, four steps at most.
 * Design, "Trust".
 */
import { isEqualBytes } from "../../platform/bytes.ts";
import { OverlayError } from "../errors.ts";
import {
  CertificateBodyCodec,
  type CertificateBody,
  type Membership,
  type Signed,
} from "../schema/messages.ts";
import { isSignedBy, KEY_BYTES, type KeyPair } from "./keys.ts";
import { NOBODY_REVOKED, type Revoked } from "./revoked.ts";

export const CERTIFICATE_DOMAIN = "causeway-certificate-1";
export const CHAIN_DEPTH_MAX = 4;
export const CERTIFICATE_LIFETIME_MS = 365 * 24 * 3600 * 1000;
/** Clocks of honest hosts differ; a certificate from further ahead than this is refused. */
export const CLOCK_SKEW_MAX_MS = 5 * 60 * 1000;

export interface CertificateRequest {
  readonly host: Uint8Array;
  readonly mayAdmit: boolean;
  /** Subnet that the membership is bound to, when won on an open link. */
  readonly linkSubnet: Uint8Array | null;
  readonly wallMs: number;
  /** When the host was admitted first, for a renewal; by default now. */
  readonly admittedAtMs?: number;
}

/** The authority's own signature: depth 1. */
export function certifyByAuthority(authority: KeyPair, request: CertificateRequest): Membership {
  return { chain: [sign(authority, authority.publicKey, 1, request)] };
}

/**
 * Admits a host under one's own membership.
 *
 * @throws {OverlayError} ERR_OVERLAY_CERTIFICATE when this host may not admit, or is too deep
 */
export function certifyByHost(
  issuer: KeyPair,
  membership: Membership,
  request: CertificateRequest,
): Membership {
  const own = readLeaf(membership);
  if (!own.mayAdmit)
    throw new OverlayError(
      "ERR_OVERLAY_CERTIFICATE",
      "this host may not admit others; ask a host whose token was made without --no-admit",
    );
  const isBound = own.linkSubnet.length > 0;
  if (isBound && !isEqualBytes(own.linkSubnet, request.linkSubnet ?? new Uint8Array()))
    throw new OverlayError(
      "ERR_OVERLAY_CERTIFICATE",
      "this host was admitted on an open link and may not admit beyond it; " +
        "use the host that made the overlay, or one that joined with a token",
    );
  const mayAdmit = request.mayAdmit && own.depth + 1 < CHAIN_DEPTH_MAX;
  const leaf = sign(issuer, own.overlay, own.depth + 1, { ...request, mayAdmit });
  return { chain: [leaf, ...membership.chain] };
}

/** What a membership says, every signature and bound of its chain checked. */
export interface CheckedMembership {
  readonly overlay: Uint8Array;
  readonly host: Uint8Array;
  readonly mayAdmit: boolean;
  readonly depth: number;
  readonly admittedAtMs: number;
  /** When the first certificate of the chain ends. */
  readonly notAfterMs: number;
  readonly linkSubnet: Uint8Array | null;
  /** Host keys of the chain, the member's own first. */
  readonly hosts: readonly Uint8Array[];
}

/**
 * @param overlay the authority that the chain must lead to
 * @param wallMs  now; null where dates are not judged, as with what was kept over a long sleep
 * @param revoked who has been removed
 * @throws {OverlayError} ERR_OVERLAY_CERTIFICATE that says which link of the chain is wrong, or
 *   ERR_OVERLAY_REVOKED
 */
export function checkMembership(
  membership: Membership,
  overlay: Uint8Array,
  wallMs: number | null,
  revoked: Revoked = NOBODY_REVOKED,
): CheckedMembership {
  const checked = checkChain(membership, overlay);
  if (wallMs !== null) checkDates(membership, wallMs);
  const removal = revoked.refusalOf(checked.hosts);
  if (removal !== undefined)
    throw new OverlayError(
      "ERR_OVERLAY_REVOKED",
      `membership refused: ${isEqualBytes(removal.host, checked.host) ? "its host" : "who admitted its host"} ` +
        `was removed from the overlay on ${day(BigInt(removal.revokedAtMs))}`,
    );
  return checked;
}

function checkDates(membership: Membership, wallMs: number): void {
  const expired = membership.chain.find((signed) => isExpired(signed, wallMs));
  if (expired !== undefined)
    throw refused(
      `it expired on ${day(CertificateBodyCodec.decode(expired.body).notAfterMs)}; ` +
        "any host that may admit renews it",
    );
  checkNotFuture(membership, wallMs);
}

/** @throws {OverlayError} ERR_OVERLAY_CERTIFICATE for a date that no clock of ours can explain */
export function checkNotFuture({ chain }: Membership, wallMs: number): void {
  for (const { body } of chain) {
    const { admittedAtMs } = CertificateBodyCodec.decode(body);
    if (Number(admittedAtMs) > wallMs + CLOCK_SKEW_MAX_MS)
      throw refused(`it is dated ${day(admittedAtMs)}, in the future; check both clocks`);
  }
}

/**
 * Signatures, issuers, depths and bounds; not the dates, and not who was removed since.
 *
 * @throws {OverlayError} ERR_OVERLAY_CERTIFICATE
 */
export function checkChain(membership: Membership, overlay: Uint8Array): CheckedMembership {
  const { chain } = membership;
  if (chain.length === 0 || chain.length > CHAIN_DEPTH_MAX)
    throw refused(`a chain of ${chain.length} certificates; 1 to ${CHAIN_DEPTH_MAX} are allowed`);
  const bodies = chain.map((signed) => CertificateBodyCodec.decode(signed.body));
  bodies.forEach((body, i) => {
    const parent = bodies[i + 1];
    const issuer = parent === undefined ? overlay : parent.host;
    checkOne(body, chain[i]!, { issuer, overlay, depth: chain.length - i });
    if (parent !== undefined) checkIssuer(parent, bodies[0]!);
  });
  const leaf = bodies[0]!;
  return {
    overlay: leaf.overlay,
    host: leaf.host,
    mayAdmit: leaf.mayAdmit,
    depth: leaf.depth,
    admittedAtMs: Number(leaf.admittedAtMs),
    notAfterMs: Math.min(...bodies.map((body) => Number(body.notAfterMs))),
    linkSubnet: leaf.linkSubnet.length > 0 ? leaf.linkSubnet : null,
    hosts: bodies.map((body) => body.host),
  };
}

/** Host keys of a chain, the member's own first; unchecked. */
export function hostsOf({ chain }: Membership): Uint8Array[] {
  return chain.map((signed) => CertificateBodyCodec.decode(signed.body).host);
}

/** When the first certificate of a chain ends; unchecked. */
export function endOf({ chain }: Membership): number {
  const ends = chain.map(({ body }) => Number(CertificateBodyCodec.decode(body).notAfterMs));
  return Math.min(Infinity, ...ends);
}

function isExpired({ body }: Signed, wallMs: number): boolean {
  return Number(CertificateBodyCodec.decode(body).notAfterMs) <= wallMs;
}

/** The member's own certificate, unchecked: for what this host keeps about itself. */
export function readLeaf(membership: Membership): CertificateBody {
  const leaf = membership.chain[0];
  if (leaf === undefined) throw refused("an empty chain");
  return CertificateBodyCodec.decode(leaf.body);
}

interface Expected {
  readonly issuer: Uint8Array;
  readonly overlay: Uint8Array;
  readonly depth: number;
}

function checkOne(body: CertificateBody, signed: Signed, expected: Expected): void {
  const { issuer, overlay, depth } = expected;
  if (body.host.length !== KEY_BYTES) throw refused("a host key that is not 32 bytes");
  if (!isEqualBytes(body.overlay, overlay)) throw refused("it is of another overlay");
  if (!isEqualBytes(body.issuer, issuer)) throw refused("its issuer is not the chain's next");
  if (body.depth !== depth) throw refused(`depth ${body.depth} where ${depth} is due`);
  if (!isSignedBy(issuer, CERTIFICATE_DOMAIN, signed.body, signed.signature))
    throw refused("its signature does not verify");
}

function checkIssuer(issuer: CertificateBody, leaf: CertificateBody): void {
  if (!issuer.mayAdmit) throw refused("its issuer may not admit");
  // Who came in by an open link lets others in on that link only, itself under another key too.
  if (issuer.linkSubnet.length > 0 && !isEqualBytes(issuer.linkSubnet, leaf.linkSubnet))
    throw refused("its issuer was admitted on an open link, and this reaches beyond it");
}

export function day(ms: bigint): string {
  const date = new Date(Number(ms));
  return Number.isNaN(date.getTime()) ? "an impossible date" : date.toISOString().slice(0, 16);
}

function refused(problem: string): OverlayError {
  return new OverlayError("ERR_OVERLAY_CERTIFICATE", `membership certificate refused: ${problem}`);
}

function sign(
  issuer: KeyPair,
  overlay: Uint8Array,
  depth: number,
  request: CertificateRequest,
): Signed {
  const body = CertificateBodyCodec.encode({
    overlay,
    host: request.host,
    issuer: issuer.publicKey,
    mayAdmit: request.mayAdmit,
    depth,
    admittedAtMs: BigInt(request.admittedAtMs ?? request.wallMs),
    notAfterMs: BigInt(request.wallMs + CERTIFICATE_LIFETIME_MS),
    linkSubnet: request.linkSubnet ?? new Uint8Array(),
  });
  return { body, signature: issuer.sign(CERTIFICATE_DOMAIN, body) };
}
