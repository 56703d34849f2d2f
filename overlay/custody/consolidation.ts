/**
 * Records that stay where they came to (`one`, `demand`) and so may lie at several hosts of a link,
 * each with what came to it: here they get what the others have.
 *
 * It is done when such a record comes in, and before the first answer of its key once hosts have
 * joined: a host that was away, or cut off, still has what has been overwritten or removed since. A
 * host that hung for a moment is in no such way known to have missed anything, so what was looked at
 * long ago is looked at again, behind an answer that does not wait for it.
 */
import { compareBytes, toHex } from "../../platform/bytes.ts";
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import type { RecordItem } from "../schema/messages.ts";
import type { Siblings } from "../peers/siblings.ts";

/** A key looked at is good for so long; then it is looked at again, at most once in that time. */
const GOOD_FOR_MS = 20_000;
const KEYS_MAX = 4_096;
/** As many as a put may carry. */
const SENT_MAX = 64;

export interface ConsolidationParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Id of this host. */
  readonly self: string;
  readonly siblings: Pick<Siblings, "channels">;
  /** Asks the link who holds something under a key; host ids. */
  askLink(key: Uint8Array): Promise<readonly string[]>;
  /** What one of them has. */
  itemsAt(host: string, key: Uint8Array): Promise<readonly RecordItem[]>;
  /** What this host has. */
  ownItems(key: Uint8Array): readonly RecordItem[];
  /** @param host who has it */
  store(item: RecordItem, host: string): Promise<unknown>;
  send(host: string, items: readonly RecordItem[]): Promise<unknown>;
}

export class Consolidation {
  readonly #parts: ConsolidationParts;
  /** When a key was last looked at; the one looked at longest ago first. */
  readonly #seenAtMs = new Map<string, number>();
  readonly #underWay = new Map<string, Promise<void>>();
  #joinedAtMs = -Infinity;

  constructor(parts: ConsolidationParts) {
    this.#parts = parts;
  }

  /** Hosts came, or came back: what each has is to be looked at anew. */
  onHostsJoined(): void {
    this.#joinedAtMs = this.#parts.clock.monotonicMs();
  }

  /** To be awaited before an answer from what this host has. */
  async beforeAnswer(key: Uint8Array): Promise<void> {
    const seenAtMs = this.#seenAtMs.get(toHex(key)) ?? -Infinity;
    const isSure = seenAtMs > this.#joinedAtMs && seenAtMs > -Infinity;
    if (!isSure) await this.now(key);
    else if (seenAtMs < this.#parts.clock.monotonicMs() - GOOD_FOR_MS) void this.now(key);
  }

  /** Both sides get what the other has; joins a consolidation of that key under way. */
  now(key: Uint8Array): Promise<void> {
    const keyHex = toHex(key);
    const known = this.#underWay.get(keyHex);
    if (known !== undefined) return known;
    const work = this.#consolidate(key, keyHex).finally(() => this.#underWay.delete(keyHex));
    this.#underWay.set(keyHex, work);
    return work;
  }

  async #consolidate(key: Uint8Array, keyHex: string): Promise<void> {
    const { clock, log, self, siblings, askLink } = this.#parts;
    const startedMs = clock.monotonicMs();
    try {
      const holders = siblings.channels().length === 0 ? [] : await askLink(key);
      const others = holders.filter((host) => host !== self);
      await Promise.all(others.map((host) => this.#exchange(host, key)));
      this.#note(keyHex, startedMs);
    } catch (error) {
      log.debug("not consolidated", { reason: errorMessage(error) });
    }
  }

  async #exchange(host: string, key: Uint8Array): Promise<void> {
    const { itemsAt, ownItems, store, send } = this.#parts;
    const theirs = await itemsAt(host, key);
    for (const item of theirs) await store(item, host);
    const missing = ownItems(key).filter(
      ({ record }) => !theirs.some((item) => compareBytes(item.record, record) === 0),
    );
    if (missing.length > 0) await send(host, missing.slice(0, SENT_MAX));
  }

  #note(keyHex: string, atMs: number): void {
    this.#seenAtMs.delete(keyHex);
    this.#seenAtMs.set(keyHex, atMs);
    if (this.#seenAtMs.size <= KEYS_MAX) return;
    this.#seenAtMs.delete(this.#seenAtMs.keys().next().value ?? "");
  }
}
