/** RFC 4648 base32, lower case, no padding: how keys are shown and how they stand in DNS labels. */
import { WireError } from "./errors.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

export function toBase32(bytes: Uint8Array): string {
  let text = "";
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = ((buffer << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(buffer >>> bits) & 31];
    }
  }
  return bits > 0 ? text + ALPHABET[(buffer << (5 - bits)) & 31] : text;
}

/** @throws {WireError} on a character outside the alphabet or bits left over */
export function fromBase32(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  let buffer = 0;
  let bits = 0;
  let at = 0;
  for (const character of text.toLowerCase()) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) throw new WireError(`"${character}" is not a base32 character`, at);
    buffer = ((buffer << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (buffer >>> bits) & 0xff;
    }
  }
  // A whole character left over would be a second way to write the same bytes.
  if (at !== bytes.length || bits >= 5 || (buffer & ((1 << bits) - 1)) !== 0)
    throw new WireError("base32 text has bits left over", at);
  return bytes;
}
