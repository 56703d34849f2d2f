/**
 * Under which keys services stand in the overlay.
 *
 * As in z2z (thesis §4.3.1) a service is found by its name or by any key its exporter adds, whatever
 * their case, spaces and punctuation. Beyond that it stands under its type's key. The text of a key is
 * what `causeway get` takes; records stand under its SHA-256, inside one overlay, so equal names in two
 * overlays have nothing to do with each other.
 */
import { createHash } from "node:crypto";
import { utf8 } from "../../platform/bytes.ts";

/** Where hosts say which types they list services of. */
export const TYPES_KEY = "bridge/types";
/** The slot of a key that goes on in its branches (`shard-tree.ts`). */
export const MORE_SLOT = "more";

/** Letters and digits of any script, with the marks that make other letters of them. */
const DROPPED = /[^\p{L}\p{N}\p{M}]|\p{Default_Ignorable_Code_Point}/gu;
const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;
const HASH_CHARACTERS = 32;
/** One character may become eighteen; a record has room for so much of a key. */
export const KEY_BYTES_MAX = 128;
/** Every character alone is settled after two. */
const FOLDS_MAX = 8;

/**
 * One text for all spellings of a key: letters and digits after NFKC and case folding.
 *
 * When nothing is left, as of "***", it is `#` and a hash of the text, which no other text gives; when more
 * than 128 bytes are, of what is left.
 */
export function normalizeKey(text: string): string {
  let kept = foldOnce(text);
  // One form leads to another at times, as a capital sharp s does to a small one and that to two letters.
  for (let before = "", i = 0; before !== kept && i < FOLDS_MAX; i++)
    [before, kept] = [kept, foldOnce(kept)];
  const isNothing = !LETTER_OR_DIGIT.test(kept);
  if (!isNothing && utf8(kept).length <= KEY_BYTES_MAX) return kept;
  const digest = createHash("sha256")
    .update(utf8(isNothing ? text.normalize("NFC") : kept))
    .digest("hex");
  return `#${digest.slice(0, HASH_CHARACTERS)}`;
}

function foldOnce(text: string): string {
  // Upper case in between, so that `ß` and `ss` are one; then the two forms of sigma are one.
  const folded = text.normalize("NFKC").toLowerCase().toUpperCase().toLowerCase();
  return folded.replaceAll("ς", "σ").normalize("NFKC").replace(DROPPED, "").normalize("NFC");
}

/** The key of a name, or of a word that an exporter adds: the two are one space. */
export function wordKey(text: string): string {
  return `bridge/key/${normalizeKey(text)}`;
}

/** @param type `_http._tcp` */
export function typeKey(type: string): string {
  return `bridge/type/${type}`;
}

/** Where what is sealed to a host lies; tells neither name nor type. */
export function inboxKey(hostId: string): string {
  return `bridge/inbox/${hostId}`;
}

/** The 32 bytes under which the overlay keeps what stands under a key's text. */
export function keyBytes(text: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(utf8(text)).digest());
}
