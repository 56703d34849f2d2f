/**
 * One-time tokens: what an administrator carries to a new host.
 *
 * A token is a key pair whose public half an admitting host has signed. The newcomer proves the
 * private half over its own host key, so a redeemer never sees anything that it could reuse.
 * Text form: `causeway1.` and base64url. Design, "Trust".
 */
import { isEqualBytes } from "../../platform/bytes.ts";
import { errorMessage } from "../../platform/errors.ts";
import { OverlayError } from "../errors.ts";
import {
  TokenBodyCodec,
  TokenCodec,
  type Membership,
  type Signed,
  type TokenBody,
} from "../schema/messages.ts";
import { checkMembership } from "./certificate.ts";
import { createKeyPair, isSignedBy, KEY_BYTES, type KeyPair } from "./keys.ts";
import { NOBODY_REVOKED, type Revoked } from "./revoked.ts";

const TOKEN_DOMAIN = "causeway-token-1";
const REDEEM_DOMAIN = "causeway-redeem-1";
const PREFIX = "causeway1.";
const TEXT_CHARACTERS_MAX = 16 * 1024;
const CONTACTS_MAX = 32;

export interface TokenRequest {
  /** 32 fresh bytes. */
  readonly seed: Uint8Array;
  readonly mayAdmit: boolean;
  readonly notAfterMs: number;
  /** `ADDRESS:PORT` of host nodes that redeem it. */
  readonly contacts: readonly string[];
  readonly overlayName: string;
  readonly overlay: Uint8Array;
  readonly linkKey: Uint8Array;
}

export function createToken(
  issuer: KeyPair,
  membership: Membership,
  request: TokenRequest,
): string {
  const body = TokenBodyCodec.encode({
    overlay: request.overlay,
    token: createKeyPair(request.seed).publicKey,
    issuer: issuer.publicKey,
    mayAdmit: request.mayAdmit,
    notAfterMs: BigInt(request.notAfterMs),
    contacts: request.contacts.slice(0, CONTACTS_MAX),
    overlayName: request.overlayName,
    issuerMembership: membership,
    linkKey: request.linkKey,
  });
  const signature = issuer.sign(TOKEN_DOMAIN, body);
  const bytes = TokenCodec.encode({ body: { body, signature }, secret: request.seed });
  return PREFIX + Buffer.from(bytes).toString("base64url");
}

/** A token as its bearer holds it. */
export interface HeldToken {
  readonly signed: Signed;
  readonly overlay: Uint8Array;
  readonly overlayName: string;
  readonly contacts: readonly string[];
  readonly notAfterMs: number;
  /** Tells the overlay's hosts on a link; absent in a token of a version that had none. */
  readonly linkKey: Uint8Array | undefined;
  /** The proof that goes with `signed` to the redeemer. */
  redeemFor(host: Uint8Array): Uint8Array;
}

/** @throws {OverlayError} ERR_OVERLAY_TOKEN when the text is no token or its day is over */
export function parseToken(text: string, wallMs: number): HeldToken {
  const { signed, body, secret } = decodeText(text.trim());
  if (Number(body.notAfterMs) <= wallMs) throw expired(body);
  const key = createKeyPair(secret);
  if (!isEqualBytes(key.publicKey, body.token)) throw refused("its secret does not fit");
  return {
    signed,
    overlay: body.overlay,
    overlayName: body.overlayName,
    contacts: body.contacts.slice(0, CONTACTS_MAX),
    notAfterMs: Number(body.notAfterMs),
    linkKey: body.linkKey.length === KEY_BYTES ? body.linkKey : undefined,
    redeemFor: (host) => key.sign(REDEEM_DOMAIN, host),
  };
}

/**
 * The redeemer's check, everything but single use.
 *
 * @throws {OverlayError} ERR_OVERLAY_TOKEN naming what is wrong
 */
export function checkToken(
  signed: Signed,
  proof: Uint8Array,
  host: Uint8Array,
  overlay: Uint8Array,
  wallMs: number,
  revoked: Revoked = NOBODY_REVOKED,
): TokenBody {
  const body = TokenBodyCodec.decode(signed.body);
  if (!isEqualBytes(body.overlay, overlay))
    throw refused(`it is for the overlay "${body.overlayName}", which is not this one`);
  if (Number(body.notAfterMs) <= wallMs) throw expired(body);
  if (!isSignedBy(body.issuer, TOKEN_DOMAIN, signed.body, signed.signature))
    throw refused("its issuer's signature does not verify");
  const issuer = checkMembership(body.issuerMembership ?? { chain: [] }, overlay, wallMs, revoked);
  if (!isEqualBytes(issuer.host, body.issuer) || !issuer.mayAdmit)
    throw refused("its issuer may not admit");
  if (!isSignedBy(body.token, REDEEM_DOMAIN, host, proof))
    throw refused("the bearer cannot prove it");
  return body;
}

function decodeText(text: string): { signed: Signed; body: TokenBody; secret: Uint8Array } {
  if (/^causeway\d+\./.test(text) && !text.startsWith(PREFIX))
    throw refused("a causeway of another version made it; bring this host to that version");
  if (!text.startsWith(PREFIX) || text.length > TEXT_CHARACTERS_MAX)
    throw refused(
      `a token begins with "${PREFIX}"; copy the whole line that "causeway token" gave`,
    );
  try {
    const token = TokenCodec.decode(Buffer.from(text.slice(PREFIX.length), "base64url"));
    if (token.body === null || token.secret.length !== KEY_BYTES)
      throw new Error("a part is missing");
    return {
      signed: token.body,
      body: TokenBodyCodec.decode(token.body.body),
      secret: token.secret,
    };
  } catch (cause) {
    throw refused(`it is damaged (${errorMessage(cause)}); copy the whole line again`, cause);
  }
}

function expired(body: TokenBody): OverlayError {
  const date = new Date(Number(body.notAfterMs));
  const when = Number.isNaN(date.getTime()) ? "long ago" : `on ${date.toISOString().slice(0, 16)}`;
  return refused(`it expired ${when}; make a new one with "causeway token" on a member`);
}

function refused(problem: string, cause?: unknown): OverlayError {
  return new OverlayError("ERR_OVERLAY_TOKEN", `token refused: ${problem}`, { cause });
}
