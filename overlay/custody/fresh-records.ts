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
  readonly #refuses: (publisher: Uint8Array) => boolean;
  readonly #newest = new Map<string, Fresh>();

  /** @param refuses publishers whose records are not to be seen */
  constructor(key: Uint8Array, refuses: (publisher: Uint8Array) => boolean = () => false) {
    this.#key = key;
    this.#refuses = refuses;
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
    if (!isEqualBytes(record.key, this.#key) || this.#refuses(record.publisher)) return "refused";
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

  /** Takes out what is refused by now, and gives it back. */
  strike(): SignedRecord[] {
    const struck = [...this.#newest].filter(([, { record }]) => this.#refuses(record.publisher));
    for (const [slotId] of struck) this.#newest.delete(slotId);
    return struck.map(([, { record }]) => record);
  }

  /** Live records, tombstones left out. */
  views(): RecordView[] {
    return [...this.#newest.values()]
      .filter(({ record }) => !record.isRemoved)
      .map(({ record, remainingMs }) => toRecordView(record, remainingMs));
  }
}
