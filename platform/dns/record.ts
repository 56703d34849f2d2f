/** Which record is which: sameness, the order of a tie-break, and lists of types (NSEC). */
import { compareBytes, toHex } from "../bytes.ts";
import { CLASS_IN, type DnsData, type DnsRecord, RECORD_CODE, encodeData } from "./message.ts";
import { nameKey } from "./name.ts";

/** Types in the first window; beyond it NSEC of multicast DNS says nothing (RFC 6762 §6.1). */
const WINDOW_TYPES = 256;

export function recordCode(data: DnsData): number {
  return data.type === "other" ? data.code : RECORD_CODE[data.type];
}

export function recordClass(data: DnsData): number {
  return data.type === "other" ? data.class : CLASS_IN;
}

/**
 * One text for all spellings of a record, whatever its TTL and flush bit.
 *
 * Names in its data count whatever their case, as names do.
 */
export function recordKey(record: DnsRecord): string {
  return `${nameKey(record.name)} ${recordClass(record)} ${recordCode(record)} ${dataKey(record)}`;
}

function dataKey(data: DnsData): string {
  switch (data.type) {
    case "ptr":
      return nameKey(data.target);
    case "srv":
      return `${data.priority} ${data.weight} ${data.port} ${nameKey(data.target)}`;
    default:
      return toHex(encodeData(data));
  }
}

/** The order of RFC 6762 §8.2: class, type, then the bytes of the data. */
export function compareRecords(a: DnsRecord, b: DnsRecord): number {
  return (
    recordClass(a) - recordClass(b) ||
    recordCode(a) - recordCode(b) ||
    compareBytes(encodeData(a), encodeData(b))
  );
}

/**
 * Compares what two hosts propose for one name (RFC 6762 §8.2.1).
 *
 * @returns negative when `a` yields to `b`; 0 when both propose the same
 */
export function compareProposals(a: readonly DnsRecord[], b: readonly DnsRecord[]): number {
  const mine = a.toSorted(compareRecords);
  const theirs = b.toSorted(compareRecords);
  for (const [i, record] of mine.entries()) {
    const other = theirs[i];
    if (other === undefined) return 1;
    const order = compareRecords(record, other);
    if (order !== 0) return order;
  }
  return mine.length - theirs.length;
}

/** The record that denies all types but these, each below 256 (RFC 6762 §6.1). */
export function nsecRecord(
  { name, ttlS }: Pick<DnsRecord, "name" | "ttlS">,
  codes: readonly number[],
): DnsRecord {
  const inWindow = codes.filter((code) => code < WINDOW_TYPES);
  const bits = new Uint8Array(1 + (Math.max(0, ...inWindow) >> 3));
  for (const code of inWindow) bits[code >> 3]! |= 0x80 >> (code & 7);
  return {
    name,
    ttlS,
    isFlush: true,
    type: "nsec",
    next: name,
    bitmaps: Uint8Array.of(0, bits.length, ...bits),
  };
}

/** Whether an NSEC record has the type; `undefined` when it says nothing of it. */
export function hasType(bitmaps: Uint8Array, code: number): boolean | undefined {
  const [window, length = 0] = bitmaps;
  if (window !== 0 || code >= WINDOW_TYPES) return undefined;
  const bits = bitmaps.subarray(2, 2 + length);
  return ((bits[code >> 3] ?? 0) & (0x80 >> (code & 7))) !== 0;
}
