/**
 * Boxes that one host alone can open: sealed to its Ed25519 key, which everybody knows.
 *
 * The key is taken to X25519 (RFC 7748 §4.1: the two curves are the same one in other coordinates),
 * agreed on with an ephemeral key (RFC 7748 §6.1), expanded by HKDF-SHA256 (RFC 5869) and used once
 * with ChaCha20-Poly1305 (RFC 8439). A box tells its length and nothing else: not even for whom it is.
 * It does not tell who sealed it, either: whoever cares signs what stands around the box.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import { concatBytes, utf8 } from "../../platform/bytes.ts";
import { WireError } from "../../platform/errors.ts";
import { KEY_BYTES } from "./keys.ts";

const TAG_BYTES = 16;
const NONCE = new Uint8Array(12); // a key is used once
const CIPHER = "chacha20-poly1305";
const INFO = "causeway-box-1";

/** What a box is larger than its content. */
export const BOX_OVERHEAD_BYTES = KEY_BYTES + TAG_BYTES;

/** DER in front of a raw X25519 key (RFC 8410 §4, §7). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex");
const SPKI_PREFIX = Buffer.from("302a300506032b656e032100", "hex");

const PRIME = 2n ** 255n - 19n;
/** RFC 8032 §5.1: the curve's d, to tell whether a y belongs to a point at all. */
const CURVE_D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;

/**
 * @param hostKey       32-byte Ed25519 public key of the one that may open the box
 * @param ephemeralSeed 32 bytes from a cryptographic source, never used again
 * @throws {WireError} when `hostKey` is no key that can be sealed to
 */
export function sealTo(
  hostKey: Uint8Array,
  content: Uint8Array,
  ephemeralSeed: Uint8Array,
): Uint8Array {
  const recipient = toMontgomery(hostKey);
  const ephemeral = privateKeyOf(ephemeralSeed);
  const ephemeralKey = rawPublicKey(ephemeral);
  const key = boxKey(agree(ephemeral, recipient), ephemeralKey, recipient);
  const cipher = createCipheriv(CIPHER, key, NONCE, { authTagLength: TAG_BYTES });
  const sealed = concatBytes(cipher.update(content), cipher.final());
  return concatBytes(ephemeralKey, sealed, cipher.getAuthTag());
}

/**
 * Opens a box that was sealed to the key of this seed.
 *
 * @param seed the host key's 32-byte seed
 * @throws {WireError} when the box is another's, or was touched
 */
export function openSealed(seed: Uint8Array, box: Uint8Array): Uint8Array {
  if (box.length < BOX_OVERHEAD_BYTES) throw new WireError(`a box of ${box.length} bytes`);
  const ephemeralKey = box.subarray(0, KEY_BYTES);
  // RFC 8032 §5.1.5: the scalar of an Ed25519 key is the first half of the seed's hash.
  const own = privateKeyOf(createHash("sha512").update(seed).digest().subarray(0, KEY_BYTES));
  const key = boxKey(agree(own, ephemeralKey), ephemeralKey, rawPublicKey(own));
  const decipher = createDecipheriv(CIPHER, key, NONCE, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(box.subarray(box.length - TAG_BYTES));
  try {
    const content = decipher.update(box.subarray(KEY_BYTES, box.length - TAG_BYTES));
    return concatBytes(content, decipher.final());
  } catch (cause) {
    throw new WireError("a box that this host cannot open", -1, { cause });
  }
}

function boxKey(secret: Uint8Array, ephemeralKey: Uint8Array, recipient: Uint8Array): Uint8Array {
  const salt = concatBytes(ephemeralKey, recipient);
  return new Uint8Array(hkdfSync("sha256", secret, salt, utf8(INFO), KEY_BYTES));
}

function agree(privateKey: KeyObject, rawPublic: Uint8Array): Uint8Array {
  try {
    return diffieHellman({ privateKey, publicKey: publicKeyOf(rawPublic) });
  } catch (cause) {
    // A point of small order: the secret would be zero, and anybody's (RFC 7748 §6.1).
    throw new WireError("a key that nothing can be agreed with", -1, { cause });
  }
}

function privateKeyOf(raw: Uint8Array): KeyObject {
  const key = Buffer.concat([PKCS8_PREFIX, raw]);
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
}

function publicKeyOf(raw: Uint8Array): KeyObject {
  const key = Buffer.concat([SPKI_PREFIX, raw]);
  return createPublicKey({ key, format: "der", type: "spki" });
}

function rawPublicKey(privateKey: KeyObject): Uint8Array {
  const der = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return new Uint8Array(der.subarray(SPKI_PREFIX.length));
}

/** RFC 7748 §4.1: u = (1 + y) / (1 - y). */
function toMontgomery(edwards: Uint8Array): Uint8Array {
  if (edwards.length !== KEY_BYTES) throw new WireError(`a key of ${edwards.length} bytes`);
  const y = fromLittleEndian(edwards) & (2n ** 255n - 1n); // the top bit is the sign of x
  if (y >= PRIME || y === 1n || !isOnCurve(y)) throw new WireError("not an Ed25519 key");
  return toLittleEndian(modulo((1n + y) * inverse(modulo(1n - y))));
}

/** RFC 8032 §5.1.3: x² = (y² - 1) / (d y² + 1) has a root. */
function isOnCurve(y: bigint): boolean {
  const squared = modulo(y * y);
  const x2 = modulo((squared - 1n) * inverse(modulo(CURVE_D * squared + 1n)));
  return x2 === 0n || power(x2, (PRIME - 1n) / 2n) === 1n;
}

function modulo(value: bigint): bigint {
  const rest = value % PRIME;
  return rest < 0n ? rest + PRIME : rest;
}

/** By Fermat. */
function inverse(value: bigint): bigint {
  return power(value, PRIME - 2n);
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let factor = base;
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = (result * factor) % PRIME;
    factor = (factor * factor) % PRIME;
  }
  return result;
}

function fromLittleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes.toReversed()).toString("hex")}`);
}

function toLittleEndian(value: bigint): Uint8Array {
  const hex = value.toString(16).padStart(2 * KEY_BYTES, "0");
  return new Uint8Array(Buffer.from(hex, "hex")).toReversed();
}
