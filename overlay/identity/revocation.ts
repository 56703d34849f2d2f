/**
 * Signed revocations: an admitting host, or the authority, takes a membership back for good.
 *
 * Dates decide nothing here: a revocation holds for ever, its issuer's certificate may have ended
 * since, and a host whose clock is wrong is to hear of it too. Design, "Trust".
 */
import { createHash } from "node:crypto";
import { compareBytes, concatBytes, isEqualBytes, toHex } from "../../platform/bytes.ts";
import { OverlayError } from "../errors.ts";
import { RevocationBodyCodec, type Membership, type Signed } from "../schema/messages.ts";
import { checkChain, readLeaf } from "./certificate.ts";
import { isSignedBy, KEY_BYTES, type KeyPair } from "./keys.ts";
import { Revoked, type Revocation } from "./revoked.ts";

const REVOCATION_DOMAIN = "causeway-revocation-1";
/** Hosts that one revocation can keep. */
export const KEPT_MAX = 256;
/** Revocations that a host keeps; from one issuer, so that none can fill the list alone. */
export const REVOCATIONS_MAX = 4096;
export const REVOCATIONS_PER_ISSUER_MAX = 1024;
/** Leading bytes of a revocation's SHA-256 that name it between hosts. */
export const REVOCATION_NAME_BYTES = 16;

export interface RevocationRequest {
  readonly overlay: Uint8Array;
  readonly host: Uint8Array;
  readonly wallMs: number;
  /** Hosts that the removed one admitted and that stay. */
  readonly kept: readonly Uint8Array[];
}

/**
 * @param membership the issuer's own; `null` when the authority signs
 * @throws {OverlayError} ERR_OVERLAY_CERTIFICATE when the issuer may not revoke, ERR_OVERLAY_QUOTA
 *   when too many hosts are to be kept
 */
export function createRevocation(
  issuer: KeyPair,
  membership: Membership | null,
  request: RevocationRequest,
): Signed {
  const { overlay, host, wallMs, kept } = request;
  if (kept.length > KEPT_MAX)
    throw new OverlayError(
      "ERR_OVERLAY_QUOTA",
      `that host admitted ${kept.length} hosts, and a revocation can keep ${KEPT_MAX}; ` +
        "let some of them join anew with tokens first, or take all of them out with --with-admitted",
    );
  if (membership !== null && !mayRevoke(membership))
    throw new OverlayError(
      "ERR_OVERLAY_CERTIFICATE",
      "this host may not admit others, and so may not remove any",
    );
  const body = RevocationBodyCodec.encode({
    overlay,
    host,
    issuer: issuer.publicKey,
    revokedAtMs: BigInt(Math.trunc(wallMs)),
    issuerMembership: membership,
    kept: [...kept],
  });
  return { body, signature: issuer.sign(REVOCATION_DOMAIN, body) };
}

/** A revocation as it is kept and passed on. */
export interface SignedRevocation extends Revocation {
  readonly signed: Signed;
  /** SHA-256 of the signed body. */
  readonly digest: Uint8Array;
}

/** @throws {OverlayError} ERR_OVERLAY_REFUSED, ERR_OVERLAY_CERTIFICATE or {WireError} */
export function checkRevocation(signed: Signed, overlay: Uint8Array): SignedRevocation {
  const body = RevocationBodyCodec.decode(signed.body);
  const { host, issuer, kept, issuerMembership } = body;
  if (!isEqualBytes(body.overlay, overlay)) throw refused("it is of another overlay");
  if (host.length !== KEY_BYTES || kept.some((one) => one.length !== KEY_BYTES))
    throw refused("a key is not 32 bytes");
  if (kept.length > KEPT_MAX) throw refused("it keeps too many hosts");
  if (isEqualBytes(host, overlay)) throw refused("the authority's own key cannot be revoked");
  if (isEqualBytes(host, issuer)) throw refused("no host revokes itself");
  if (!isSignedBy(issuer, REVOCATION_DOMAIN, signed.body, signed.signature))
    throw refused("its signature does not verify");
  return {
    host,
    issuer,
    issuerHosts: isEqualBytes(issuer, overlay)
      ? []
      : issuerHosts(issuer, issuerMembership, overlay),
    revokedAtMs: Number(body.revokedAtMs),
    kept,
    signed,
    digest: createHash("sha256").update(signed.body).digest(),
  };
}

function issuerHosts(
  issuer: Uint8Array,
  membership: Membership | null,
  overlay: Uint8Array,
): readonly Uint8Array[] {
  const checked = checkChain(membership ?? { chain: [] }, overlay);
  if (!isEqualBytes(checked.host, issuer)) throw refused("its issuer's certificate is another's");
  if (!checked.mayAdmit || checked.linkSubnet !== null) throw refused("its issuer may not admit");
  return checked.hosts;
}

function mayRevoke(membership: Membership): boolean {
  const { mayAdmit, linkSubnet } = readLeaf(membership);
  return mayAdmit && linkSubnet.length === 0;
}

/**
 * All revocations that a host knows: of each host and issuer the newest, so that any two hosts that
 * have heard the same have the same.
 */
export class RevocationSet {
  readonly #all = new Map<string, SignedRevocation>();
  #view = new Revoked([]);
  #digest: Uint8Array = new Uint8Array();

  /** What follows from them for certificates. */
  get view(): Revoked {
    return this.#view;
  }

  /** SHA-256 over the digests in ascending order; empty when there is none. */
  get digest(): Uint8Array {
    return this.#digest;
  }

  get all(): readonly SignedRevocation[] {
    return [...this.#all.values()];
  }

  /**
   * Takes in what is news; gives it back.
   *
   * @throws {OverlayError} ERR_OVERLAY_QUOTA when there is no room; what came before it is in
   */
  add(revocations: readonly SignedRevocation[]): SignedRevocation[] {
    const news: SignedRevocation[] = [];
    try {
      for (const one of revocations) if (this.#addOne(one)) news.push(one);
    } finally {
      if (news.length > 0) this.#refresh();
    }
    return news;
  }

  /**
   * Those whose names the other end did not list, as many as fit.
   *
   * @param names of `REVOCATION_NAME_BYTES` bytes each, one after the other
   */
  missing(
    names: Uint8Array,
    bytesMax: number,
  ): { readonly items: Signed[]; readonly isMore: boolean } {
    const known = new Set<string>();
    for (let at = 0; at + REVOCATION_NAME_BYTES <= names.length; at += REVOCATION_NAME_BYTES)
      known.add(toHex(names.subarray(at, at + REVOCATION_NAME_BYTES)));
    const wanted = this.all.filter(({ digest }) => !known.has(nameOf(digest)));
    const items: Signed[] = [];
    let left = bytesMax;
    for (const { signed } of wanted) {
      left -= signed.body.length + signed.signature.length + 16;
      if (left < 0) return { items, isMore: true };
      items.push(signed);
    }
    return { items, isMore: false };
  }

  names(): Uint8Array {
    return concatBytes(...this.all.map(({ digest }) => digest.subarray(0, REVOCATION_NAME_BYTES)));
  }

  #addOne(one: SignedRevocation): boolean {
    const name = toHex(concatBytes(one.host, one.issuer));
    const known = this.#all.get(name);
    if (known !== undefined && !isNewer(one, known)) return false;
    if (known === undefined) this.#checkRoom(one);
    this.#all.set(name, one);
    return true;
  }

  #checkRoom({ issuer }: SignedRevocation): void {
    const ofIssuer = this.all.filter((one) => isEqualBytes(one.issuer, issuer)).length;
    if (this.#all.size < REVOCATIONS_MAX && ofIssuer < REVOCATIONS_PER_ISSUER_MAX) return;
    throw new OverlayError(
      "ERR_OVERLAY_QUOTA",
      `no room for another revocation: ${this.#all.size} of ${REVOCATIONS_MAX} are kept, ` +
        `${ofIssuer} of ${REVOCATIONS_PER_ISSUER_MAX} from its issuer; an overlay with so many ` +
        "removed hosts is best made anew",
    );
  }

  #refresh(): void {
    const digests = this.all.map(({ digest }) => digest).toSorted(compareBytes);
    this.#digest = createHash("sha256")
      .update(concatBytes(...digests))
      .digest();
    this.#view = new Revoked(this.all);
  }
}

function isNewer(one: SignedRevocation, known: SignedRevocation): boolean {
  if (one.revokedAtMs !== known.revokedAtMs) return one.revokedAtMs > known.revokedAtMs;
  return compareBytes(one.digest, known.digest) > 0;
}

function nameOf(digest: Uint8Array): string {
  return toHex(digest.subarray(0, REVOCATION_NAME_BYTES));
}

function refused(problem: string): OverlayError {
  return new OverlayError("ERR_OVERLAY_REFUSED", `revocation refused: ${problem}`);
}
