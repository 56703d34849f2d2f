/**
 * Ed25519 keys (RFC 8032) of hosts, subnets, overlays and tokens.
 *
 * Deterministic given the seed, so this is core code; fresh seeds come from `overlay/io/`.
 */
import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from "node:crypto";
import { concatBytes, utf8 } from "../../platform/bytes.ts";
import { toBase32 } from "../../platform/base32.ts";

export const KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;

/** DER in front of a raw key: PKCS #8 (RFC 8410 §7) and SubjectPublicKeyInfo (RFC 8410 §4). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

const PUBLIC_KEYS_CACHED_MAX = 512;
const publicKeys = new Map<string, KeyObject>();

/** A key pair; `id` is the base32 of the public key, the form in which people see it. */
export interface KeyPair {
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly id: string;
  /** Signs `domain`, a zero byte and `body`, so that no signature serves in another context. */
  sign(domain: string, body: Uint8Array): Uint8Array;
}

/** @param seed 32 bytes from a cryptographic source */
export function createKeyPair(seed: Uint8Array): KeyPair {
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: "der",
    type: "pkcs8",
  });
  const der = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  const publicKey = new Uint8Array(der.subarray(SPKI_PREFIX.length));
  return {
    seed,
    publicKey,
    id: toBase32(publicKey),
    sign: (domain, body) => new Uint8Array(sign(null, inDomain(domain, body), privateKey)),
  };
}

/** Whether `signature` is `publicKey`'s over this domain and body; false also for malformed keys. */
export function isSignedBy(
  publicKey: Uint8Array,
  domain: string,
  body: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  try {
    return verify(null, inDomain(domain, body), publicKeyObject(publicKey), signature);
  } catch {
    return false; // not a point of the curve
  }
}

function inDomain(domain: string, body: Uint8Array): Uint8Array {
  return concatBytes(utf8(`${domain}\0`), body);
}

function publicKeyObject(raw: Uint8Array): KeyObject {
  const name = Buffer.from(raw).toString("base64");
  const cached = publicKeys.get(name);
  if (cached !== undefined) return cached;
  const key = createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, raw]),
    format: "der",
    type: "spki",
  });
  if (publicKeys.size >= PUBLIC_KEYS_CACHED_MAX)
    publicKeys.delete(publicKeys.keys().next().value ?? "");
  publicKeys.set(name, key);
  return key;
}
