/**
 * Domain names on the wire (RFC 1035 §3.1, §4.1.4): arrays of labels, never dotted text, because a
 * DNS-SD instance is one label that may hold dots (RFC 6763 §4.1.1).
 */
import assert from "node:assert/strict";
import { type ByteReader, type ByteWriter, utf8 } from "../bytes.ts";
import { WireError } from "../errors.ts";

/** Labels from the left, without the root. */
export type DnsName = readonly string[];

const LABEL_BYTES_MAX = 63;
const NAME_BYTES_MAX = 255;
const POINTER = 0xc0;
const POINTER_OFFSET_MAX = 0x3fff;

/** A label must come back as it was, since legacy answers repeat the question. */
const TEXT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Names are equal whatever the case of their ASCII letters (RFC 6762 §16). */
export function isSameName(a: DnsName, b: DnsName): boolean {
  return a.length === b.length && a.every((label, i) => isSameLabel(label, b[i]!));
}

/** One text for all spellings of a name, to look it up by. */
export function nameKey(name: DnsName): string {
  return toAsciiLowerCase(JSON.stringify(name));
}

/** The letters A to Z only: `É` and `é` are two names (RFC 6762 §16). */
export function toAsciiLowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function isSameLabel(a: string, b: string): boolean {
  return a === b || toAsciiLowerCase(a) === toAsciiLowerCase(b);
}

/**
 * Reads one name; the reader stands on the whole message, since pointers count from its start.
 *
 * @throws {WireError} when a pointer does not lead backwards, which also rules out loops, or a label
 *   is not UTF-8 (RFC 6762 §16)
 */
export function readName(reader: ByteReader): DnsName {
  const labels: string[] = [];
  let nameBytes = 1;
  let resumeAt = -1;
  let before = reader.offset;
  for (let length = reader.u8(); length !== 0; length = reader.u8()) {
    if (length >= POINTER) {
      const target = ((length & 0x3f) << 8) | reader.u8();
      if (resumeAt < 0) resumeAt = reader.offset;
      if (target >= before)
        throw new WireError("a name pointer does not lead back", reader.offset - 2);
      before = target;
      reader.seek(target);
      continue;
    }
    if (length > LABEL_BYTES_MAX) throw new WireError("not a label", reader.offset - 1);
    nameBytes += length + 1;
    if (nameBytes > NAME_BYTES_MAX) throw new WireError("name too long", reader.offset - 1);
    labels.push(readLabel(reader, length));
  }
  if (resumeAt >= 0) reader.seek(resumeAt);
  return labels;
}

function readLabel(reader: ByteReader, length: number): string {
  const bytes = reader.bytes(length);
  try {
    return TEXT.decode(bytes);
  } catch (cause) {
    throw new WireError("a label that is not UTF-8", reader.offset - length, { cause });
  }
}

/** Writes names into one message, each suffix once. */
export class NameWriter {
  readonly #writer: ByteWriter;
  readonly #isCompressed: boolean;
  readonly #offsets = new Map<string, number>();

  constructor(writer: ByteWriter, { isCompressed = true } = {}) {
    this.#writer = writer;
    this.#isCompressed = isCompressed;
  }

  write(name: DnsName): void {
    for (const [index, label] of name.entries()) {
      const suffix = JSON.stringify(name.slice(index));
      const known = this.#offsets.get(suffix);
      if (known !== undefined) {
        this.#writer.u16((POINTER << 8) | known);
        return;
      }
      if (this.#isCompressed && this.#writer.offset <= POINTER_OFFSET_MAX)
        this.#offsets.set(suffix, this.#writer.offset);
      const bytes = utf8(label);
      assert(bytes.length > 0 && bytes.length <= LABEL_BYTES_MAX, `not a DNS label: ${label}`);
      this.#writer.u8(bytes.length).bytes(bytes);
    }
    this.#writer.u8(0);
  }
}
