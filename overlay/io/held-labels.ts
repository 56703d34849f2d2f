/**
 * Answers the link's keyed questions: which of the keys held here does a label stand for?
 *
 * The first question of a day has all keys hashed, a slice at a time, so that nothing else waits.
 */
import { setImmediate as breathe } from "node:timers/promises";
import type { DailyTags } from "../identity/daily-tags.ts";
import { KeyLabels } from "../identity/key-labels.ts";
import type { RecordStore } from "../records/record-store.ts";

/** About 3 ms of hashing. */
const SLICE = 1_000;
/** Keys that are gone stay in an index until they are this share of it. */
const GONE_MAX = 0.5;
const SMALL = 1_024;

interface Index {
  readonly tags: DailyTags;
  readonly labels: KeyLabels;
  /** Keys of the store that are not hashed yet. */
  readonly pending: string[];
}

export class HeldLabels {
  readonly #store: Pick<RecordStore, "keys" | "keyCount" | "takeNewKeys">;
  readonly #indexes = new Map<number, Index>();

  constructor(store: Pick<RecordStore, "keys" | "keyCount" | "takeNewKeys">) {
    this.#store = store;
  }

  /**
   * @param days tags of the days that hosts of this link have; what is kept of others is dropped
   * @returns hex of the key; absent when it is not held
   */
  async find(label: string, days: readonly DailyTags[]): Promise<string | undefined> {
    this.#update(days);
    for (const tags of days) {
      const index = this.#indexes.get(tags.day);
      if (index === undefined) continue;
      await finish(index);
      const found = index.labels.find(label);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #update(days: readonly DailyTags[]): void {
    const fresh = this.#store.takeNewKeys();
    for (const [day, index] of this.#indexes) {
      const isWanted = days.includes(index.tags);
      const isStale = index.labels.size * GONE_MAX > Math.max(SMALL, this.#store.keyCount);
      if (!isWanted || isStale || fresh === undefined) this.#indexes.delete(day);
      else for (const key of fresh) index.pending.push(key);
    }
    for (const tags of days)
      if (!this.#indexes.has(tags.day))
        this.#indexes.set(tags.day, {
          tags,
          labels: new KeyLabels(tags),
          pending: [...this.#store.keys()],
        });
  }
}

/** Several questions may hash at once: each takes slices until none is left. */
async function finish({ labels, pending }: Index): Promise<void> {
  while (pending.length > 0) {
    for (const key of pending.splice(-SLICE)) labels.add(key);
    if (pending.length > 0) await breathe();
  }
}
