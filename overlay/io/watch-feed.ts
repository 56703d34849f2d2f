/**
 * What one watch was told: each change once, from whichever holder and in whichever subnet this
 * host is by then.
 */
import { EventQueue } from "../../platform/event-queue.ts";
import { FreshRecords } from "../custody/fresh-records.ts";
import { decodeRecord, slotIdOf, toRecordView } from "../records/record.ts";
import type { RecordItem } from "../schema/messages.ts";
import type { WatchEvent } from "../types.ts";

/** What is over is known this much longer, so that a slow holder's word of it is no news. */
const KNOWN_AFTER_MS = 10 * 60_000;
/** Holders round down and timers may be early: none is to have it any more when it is over. */
const ROUNDING_MS = 2;

export class WatchFeed {
  readonly key: Uint8Array;
  readonly #fresh: FreshRecords;
  readonly #queue = new EventQueue<WatchEvent>();
  readonly #ends = new Map<string, NodeJS.Timeout>();
  /** Slots whose record has expired. */
  readonly #over = new Set<string>();
  #isStopped = false;

  /** @param refuses publishers whose records are not to be seen */
  constructor(key: Uint8Array, refuses?: (publisher: Uint8Array) => boolean) {
    this.key = key;
    this.#fresh = new FreshRecords(key, refuses);
  }

  /** A publisher was removed: its records are gone. */
  strike(): void {
    for (const record of this.#fresh.strike()) {
      const slotId = slotIdOf(record);
      const { key, publisher, slot, version, isRemoved } = record;
      const isOver = !this.#ends.has(slotId) || isRemoved || this.#over.has(slotId);
      clearTimeout(this.#ends.get(slotId));
      this.#ends.delete(slotId);
      this.#over.delete(slotId);
      if (!isOver) this.#queue.push({ type: "remove", key, publisher, slot, version });
    }
  }

  /** Yields until `signal` aborts; what is left waits for the next reading. */
  read(signal: AbortSignal): AsyncGenerator<WatchEvent> {
    return this.#queue.read(signal);
  }

  take(items: readonly RecordItem[]): void {
    if (this.#isStopped) return;
    for (const item of items) if (this.#fresh.add(item) === "news") this.#tell(item);
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#ends.values()) clearTimeout(timer);
  }

  #tell(item: RecordItem): void {
    const record = decodeRecord(item.record);
    const { key, publisher, slot, version, isRemoved } = record;
    const slotId = slotIdOf(record);
    const remainingMs = Math.min(item.remainingMs, record.lifetimeMs);
    if (isRemoved) this.#queue.push({ type: "remove", key, publisher, slot, version });
    else this.#queue.push({ type: "put", record: toRecordView(record, remainingMs) });
    this.#over.delete(slotId);
    this.#after(slotId, remainingMs + ROUNDING_MS, () => {
      this.#over.add(slotId);
      if (!isRemoved) this.#queue.push({ type: "expire", key, publisher, slot, version });
      this.#after(slotId, KNOWN_AFTER_MS, () => {
        this.#ends.delete(slotId);
        this.#over.delete(slotId);
        this.#fresh.forget(slotId);
      });
    });
  }

  #after(slotId: string, delayMs: number, then: () => void): void {
    clearTimeout(this.#ends.get(slotId));
    const timer = setTimeout(then, delayMs);
    timer.unref();
    this.#ends.set(slotId, timer);
  }
}
