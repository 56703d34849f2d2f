/** The records of an overlay, in memory, as each of its hosts sees them. */
import {
  OverlayError,
  type Directory,
  type RecordView,
  type WatchEvent,
} from "../../../overlay/index.ts";
import { fromBase32 } from "../../../platform/base32.ts";
import { toHex } from "../../../platform/bytes.ts";
import { EventQueue } from "../../../platform/event-queue.ts";

const PER_PUBLISHER_MAX = 32;

export class MemoryDirectory {
  readonly #records = new Map<string, Map<string, RecordView>>();
  readonly #watchers = new Map<string, Set<EventQueue<WatchEvent>>>();
  /** Fewer than any publisher's own limit: what a full key answers. */
  perKeyMax = 1024;
  puts = 0;

  /** Everything that stands anywhere, as somebody who holds it all would see it. */
  get all(): readonly RecordView[] {
    return [...this.#records.values()].flatMap((records) => [...records.values()]);
  }

  of(hostId: string): Directory {
    const publisher = fromBase32(hostId);
    return {
      put: async (key, value, { slot = "", ttlMs = 3_600_000 } = {}) => {
        this.puts++;
        const records = this.#at(key);
        const name = `${hostId} ${slot}`;
        const own = [...records.keys()].filter((one) => one.startsWith(hostId)).length;
        if (!records.has(name) && (own >= PER_PUBLISHER_MAX || records.size >= this.perKeyMax))
          throw new OverlayError("ERR_OVERLAY_QUOTA", "quota reached");
        const version = (records.get(name)?.version ?? 0n) + 1n;
        const record = { key, publisher, slot, version, value, expiresInMs: ttlMs };
        records.set(name, record);
        this.#tell(key, { type: "put", record });
        return { version, storedOn: ["x"], tookMs: 1 };
      },
      get: async (key) => ({ records: [...this.#at(key).values()], tookMs: 1, path: [] }),
      watch: (key, signal) => this.#watch(key, signal),
      remove: async (key, slot = "") => {
        const record = this.#at(key).get(`${hostId} ${slot}`);
        if (record === undefined) return false;
        this.#at(key).delete(`${hostId} ${slot}`);
        this.#tell(key, { type: "remove", key, publisher, slot, version: record.version + 1n });
        return true;
      },
    };
  }

  async *#watch(key: Uint8Array, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const queue = new EventQueue<WatchEvent>();
    const hex = toHex(key);
    const watchers = this.#watchers.get(hex) ?? new Set();
    this.#watchers.set(hex, watchers.add(queue));
    for (const record of this.#at(key).values()) queue.push({ type: "put", record });
    try {
      yield* queue.read(signal);
    } finally {
      watchers.delete(queue);
    }
  }

  #at(key: Uint8Array): Map<string, RecordView> {
    const hex = toHex(key);
    const records = this.#records.get(hex) ?? new Map<string, RecordView>();
    this.#records.set(hex, records);
    return records;
  }

  #tell(key: Uint8Array, event: WatchEvent): void {
    for (const queue of this.#watchers.get(toHex(key)) ?? []) queue.push(event);
  }
}
