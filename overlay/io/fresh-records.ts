/** The newest of each publisher and slot, from answers of several holders; nothing unverified. */
import { isEqualBytes } from "../../platform/bytes.ts";
import {
  compareRecords,
  decodeRecord,
  slotIdOf,
  toRecordView,
  verifyRecord,
  type SignedRecord,
} from "../records/record.ts";
import type { RecordItem } from "../schema/messages.ts";
import type { RecordView } from "../types.ts";

interface Fresh {
  readonly record: SignedRecord;
  readonly remainingMs: number;
}

export class FreshRecords {
  readonly #key: Uint8Array;
  readonly #newest = new Map<string, Fresh>();

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** Takes in what verifies and is news; tells whether there was any record of the key. */
  addAll(items: readonly RecordItem[]): boolean {
    return items.filter((item) => this.add(item) !== "refused").length > 0;
  }

  add({ record: bytes, remainingMs }: RecordItem): "news" | "known" | "refused" {
    let record: SignedRecord;
    try {
      record = decodeRecord(bytes);
    } catch {
      return "refused"; // a holder that sends rubbish is as good as one that has nothing
    }
    if (!isEqualBytes(record.key, this.#key)) return "refused";
    const slotId = slotIdOf(record);
    const known = this.#newest.get(slotId);
    if (known !== undefined && compareRecords(record, known.record) <= 0) return "known";
    if (!verifyRecord(record)) return "refused";
    this.#newest.set(slotId, {
      record,
      remainingMs: Math.min(remainingMs, record.lifetimeMs),
    });
    return "news";
  }

  /** An older version of it would be news again. */
  forget(slotId: string): void {
    this.#newest.delete(slotId);
  }

  /** Live records, tombstones left out. */
  views(): RecordView[] {
    return [...this.#newest.values()]
      .filter(({ record }) => !record.isRemoved)
      .map(({ record, remainingMs }) => toRecordView(record, remainingMs));
  }
}
