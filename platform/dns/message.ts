/**
 * Multicast DNS messages (RFC 1035 §4, RFC 6762 §18).
 *
 * Only what the link needs is taken apart: PTR, SRV, TXT, A, AAAA and NSEC. Every other record keeps
 * its code and its bytes. Not supported: EDNS and whatever else hides names inside such bytes.
 */
import assert from "node:assert/strict";
import { ByteReader, ByteWriter } from "../bytes.ts";
import { WireError } from "../errors.ts";
import { formatAddress, parseAddress } from "../address.ts";
import { type DnsName, NameWriter, readName } from "./name.ts";

export const RECORD_CODE = {
  a: 1,
  ptr: 12,
  txt: 16,
  aaaa: 28,
  srv: 33,
  nsec: 47,
  any: 255,
} as const;
export const CLASS_IN = 1;
export const CLASS_ANY = 255;

/** RFC 6762 §17. */
export const MESSAGE_BYTES_MAX = 9000;
/** Questions plus records; a known-answer list of a full Ethernet frame holds about 100. */
export const ITEMS_MAX = 512;

/** In all names; compression lets few bytes stand for many. A full frame has about 1000. */
export const LABELS_MAX = 8192;

const FLAG_RESPONSE = 0x8000;
const FLAG_AUTHORITATIVE = 0x0400;
const FLAG_TRUNCATED = 0x0200;
/** Opcode and response code; a message with either set is silently ignored (§18.3, §18.11). */
const FLAGS_NOT_ZERO = 0x780f;
const TOP_BIT = 0x8000;
const TTL_MAX_S = 0x7fffffff;
const TXT_STRING_BYTES_MAX = 255;

export interface DnsQuestion {
  readonly name: DnsName;
  /** One of `RECORD_CODE`, or any other. */
  readonly code: number;
  readonly class: number;
  /** The asker would take a unicast answer (QU). */
  readonly isUnicast: boolean;
}

export type DnsData =
  | { readonly type: "ptr"; readonly target: DnsName }
  | {
      readonly type: "srv";
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: DnsName;
    }
  | { readonly type: "txt"; readonly strings: readonly Uint8Array[] }
  | { readonly type: "a" | "aaaa"; readonly address: string }
  /** All types that a name has; `bitmaps` as RFC 4034 §4.1.2 has them. */
  | { readonly type: "nsec"; readonly next: DnsName; readonly bitmaps: Uint8Array }
  | {
      readonly type: "other";
      readonly code: number;
      readonly class: number;
      readonly bytes: Uint8Array;
    };

export type DnsRecord = DnsData & {
  readonly name: DnsName;
  /** Seconds; 0 is a goodbye. */
  readonly ttlS: number;
  /** The cache-flush bit: this is all there is under this name and type. */
  readonly isFlush: boolean;
};

export interface DnsMessage {
  /** Zero but in legacy unicast. */
  readonly id: number;
  readonly isResponse: boolean;
  /** More known answers follow in another message (TC). */
  readonly isTruncated: boolean;
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

/** A message with nothing in it, for callers to spread into. */
export const EMPTY_MESSAGE: DnsMessage = {
  id: 0,
  isResponse: false,
  isTruncated: false,
  questions: [],
  answers: [],
  authorities: [],
  additionals: [],
};

/** @throws {WireError} on anything malformed, too long or not a plain query or response */
export function decodeMessage(bytes: Uint8Array): DnsMessage {
  if (bytes.length > MESSAGE_BYTES_MAX) throw new WireError(`${bytes.length} bytes are too many`);
  const reader = new ByteReader(bytes);
  const id = reader.u16();
  const flags = reader.u16();
  if ((flags & FLAGS_NOT_ZERO) !== 0) throw new WireError("opcode or response code is not zero", 2);
  const [questionCount, answerCount, authorityCount, additionalCount] = [
    reader.u16(),
    reader.u16(),
    reader.u16(),
    reader.u16(),
  ];
  const items = questionCount + answerCount + authorityCount + additionalCount;
  if (items > ITEMS_MAX) throw new WireError(`${items} questions and records are too many`, 4);
  let labels = 0;
  const records = (count: number): DnsRecord[] =>
    Array.from({ length: count }, () => {
      const record = readRecord(reader);
      labels += record.name.length + namesIn(record).length;
      if (labels > LABELS_MAX) throw new WireError("too many labels", reader.offset);
      return record;
    });
  return {
    id,
    isResponse: (flags & FLAG_RESPONSE) !== 0,
    isTruncated: (flags & FLAG_TRUNCATED) !== 0,
    questions: Array.from({ length: questionCount }, () => readQuestion(reader)),
    answers: records(answerCount),
    authorities: records(authorityCount),
    additionals: records(additionalCount),
  };
}

/** Writes a message, names compressed. */
export function encodeMessage(message: DnsMessage): Uint8Array {
  const { id, isResponse, isTruncated, questions, answers, authorities, additionals } = message;
  const writer = new ByteWriter(512);
  const names = new NameWriter(writer);
  writer.u16(id);
  // §18.4: a response is authoritative, a query is not.
  const role = isResponse ? FLAG_RESPONSE | FLAG_AUTHORITATIVE : 0;
  writer.u16(role | (isTruncated ? FLAG_TRUNCATED : 0));
  writer.u16(questions.length).u16(answers.length);
  writer.u16(authorities.length).u16(additionals.length);
  for (const question of questions) {
    names.write(question.name);
    writer.u16(question.code).u16(question.class | (question.isUnicast ? TOP_BIT : 0));
  }
  for (const record of [...answers, ...authorities, ...additionals])
    writeRecord(writer, names, record);
  return writer.finish();
}

/** A record's data with its names written out, as two records are compared (RFC 6762 §8.2). */
export function encodeData(data: DnsData): Uint8Array {
  const writer = new ByteWriter(64);
  writeData(writer, new NameWriter(writer, { isCompressed: false }), data);
  return writer.finish();
}

function readQuestion(reader: ByteReader): DnsQuestion {
  const name = readName(reader);
  const code = reader.u16();
  const classBits = reader.u16();
  const isUnicast = (classBits & TOP_BIT) !== 0;
  return { name, code, class: classBits & ~TOP_BIT, isUnicast };
}

function readRecord(reader: ByteReader): DnsRecord {
  const name = readName(reader);
  const code = reader.u16();
  const classBits = reader.u16();
  const ttl = reader.u32();
  const dataBytes = reader.u16();
  const end = reader.offset + dataBytes;
  const data = readData(reader, code, classBits & ~TOP_BIT, dataBytes);
  if (reader.offset !== end) throw new WireError("record data of another length", reader.offset);
  // RFC 2181 §8: a TTL with the top bit set is zero.
  const ttlS = ttl > TTL_MAX_S ? 0 : ttl;
  return { name, ttlS, isFlush: (classBits & TOP_BIT) !== 0, ...data };
}

function namesIn(data: DnsData): DnsName {
  if (data.type === "nsec") return data.next;
  return data.type === "ptr" || data.type === "srv" ? data.target : [];
}

function readData(
  reader: ByteReader,
  code: number,
  recordClass: number,
  dataBytes: number,
): DnsData {
  if (recordClass !== CLASS_IN)
    return { type: "other", code, class: recordClass, bytes: reader.bytes(dataBytes) };
  switch (code) {
    case RECORD_CODE.ptr:
      return { type: "ptr", target: readName(reader) };
    case RECORD_CODE.srv:
      return {
        type: "srv",
        priority: reader.u16(),
        weight: reader.u16(),
        port: reader.u16(),
        target: readName(reader),
      };
    case RECORD_CODE.txt:
      return { type: "txt", strings: readStrings(reader, dataBytes) };
    case RECORD_CODE.a:
      return { type: "a", address: formatAddress(reader.bytes(4)) };
    case RECORD_CODE.aaaa:
      return { type: "aaaa", address: formatAddress(reader.bytes(16)) };
    case RECORD_CODE.nsec: {
      const end = reader.offset + dataBytes;
      const next = readName(reader);
      return { type: "nsec", next, bitmaps: reader.bytes(Math.max(0, end - reader.offset)) };
    }
    default:
      return { type: "other", code, class: recordClass, bytes: reader.bytes(dataBytes) };
  }
}

/** TXT data; empty strings say nothing (RFC 6763 §6.1) and are dropped. */
function readStrings(reader: ByteReader, dataBytes: number): Uint8Array[] {
  const strings: Uint8Array[] = [];
  const end = reader.offset + dataBytes;
  while (reader.offset < end) {
    const text = reader.bytes(reader.u8());
    if (text.length > 0) strings.push(text);
  }
  return strings;
}

function writeRecord(writer: ByteWriter, names: NameWriter, record: DnsRecord): void {
  names.write(record.name);
  const { code, recordClass } =
    record.type === "other"
      ? { code: record.code, recordClass: record.class }
      : { code: RECORD_CODE[record.type], recordClass: CLASS_IN };
  writer.u16(code).u16(recordClass | (record.isFlush ? TOP_BIT : 0));
  writer.u32(record.ttlS);
  const lengthAt = writer.offset;
  writer.u16(0);
  writeData(writer, names, record);
  writer.setU16(lengthAt, writer.offset - lengthAt - 2);
}

function writeData(writer: ByteWriter, names: NameWriter, data: DnsData): void {
  switch (data.type) {
    case "ptr":
      return names.write(data.target);
    case "srv":
      writer.u16(data.priority).u16(data.weight).u16(data.port);
      return names.write(data.target);
    case "txt":
      // RFC 6763 §6.1: an empty TXT record is one zero byte.
      if (data.strings.length === 0) writer.u8(0);
      for (const text of data.strings) {
        assert(text.length <= TXT_STRING_BYTES_MAX, "a TXT string is longer than 255 bytes");
        writer.u8(text.length).bytes(text);
      }
      return;
    case "a":
    case "aaaa": {
      const bytes = parseAddress(data.address);
      assert(bytes?.length === (data.type === "a" ? 4 : 16), `not an address: ${data.address}`);
      writer.bytes(bytes);
      return;
    }
    case "nsec":
      // RFC 6762 §18.14: compressed, unlike RFC 3597 has it for new types.
      names.write(data.next);
      writer.bytes(data.bitmaps);
      return;
    case "other":
      writer.bytes(data.bytes);
  }
}
