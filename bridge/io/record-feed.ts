/** Watches keys of the overlay and hands on the services that stand there. */
import type { Counter } from "prom-client";
import { setTimeout as sleep } from "node:timers/promises";
import type { Directory, RecordView, WatchEvent } from "../../overlay/index.ts";
import { toBase32 } from "../../platform/base32.ts";
import type { Clock } from "../../platform/clock.ts";
import { errorMessage, WireError } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import { keyBytes, MORE_SLOT, TYPES_KEY } from "../exchange/keys.ts";
import { decodePadded } from "../exchange/sealing.ts";
import { decodeServiceRecord, originIdOf, type ServiceRecord } from "../exchange/service-record.ts";
import { ShardReader, shardKey } from "../exchange/shard-tree.ts";
import { decodeTypeList } from "../exchange/type-list.ts";
import type { ImportEvent } from "../importer/import-events.ts";

const RETRY_MS = 1000;

export interface RecordFeedParts {
  readonly directory: Directory;
  readonly clock: Clock;
  readonly log: Logger;
  /** Opens what is sealed to this host. @throws {WireError} */
  unseal(box: Uint8Array): Uint8Array;
  /** Where this host's sealed records lie. */
  readonly inbox: string;
  readonly refused: Counter;
  onEvent(event: ImportEvent): void;
}

export class RecordFeed {
  readonly #parts: RecordFeedParts;
  readonly #watches = new Map<string, AbortController>();

  constructor(parts: RecordFeedParts) {
    this.#parts = parts;
  }

  /** Watches these keys from now on, and no other ones. */
  watch(keys: readonly string[]): void {
    for (const [key, watch] of this.#watches) {
      if (keys.includes(key)) continue;
      watch.abort();
      this.#watches.delete(key);
    }
    for (const key of keys) {
      if (this.#watches.has(key)) continue;
      const watch = new AbortController();
      this.#watches.set(key, watch);
      const reader = new ShardReader();
      void this.#follow(key, "", reader, watch.signal);
    }
  }

  stop(): void {
    this.watch([]);
  }

  async #follow(
    key: string,
    path: string,
    reader: ShardReader,
    signal: AbortSignal,
  ): Promise<void> {
    const known = new Map<string, readonly [string, string]>();
    const at = keyBytes(shardKey(key, path));
    while (!signal.aborted) {
      try {
        for await (const event of this.#parts.directory.watch(at, signal))
          this.#onEvent(event, { key, path, reader, signal, known });
      } catch (error) {
        if (!signal.aborted)
          this.#parts.log.debug("key not watched", { key, reason: errorMessage(error) });
      }
      await sleep(RETRY_MS, undefined, { signal }).catch(() => {}); // the loop sees an abort
    }
    for (const [publisher, slot] of known.values()) this.#gone(key, publisher, slot);
  }

  #onEvent(
    event: WatchEvent,
    at: {
      readonly key: string;
      readonly path: string;
      readonly reader: ShardReader;
      readonly signal: AbortSignal;
      readonly known: Map<string, readonly [string, string]>;
    },
  ): void {
    const { key, path, reader, signal, known } = at;
    const source = event.type === "put" ? event.record : event;
    const publisher = toBase32(source.publisher);
    const name = `${publisher} ${source.slot}`;
    if (event.type !== "put") {
      known.delete(name);
      reader.remove(path, name);
      // What expires says nothing of older words of others; the machine counts lifetimes itself.
      if (event.type === "remove" || key === TYPES_KEY) this.#gone(key, publisher, source.slot);
      return;
    }
    known.set(name, [publisher, source.slot]);
    for (const branch of reader.add(path, name, source.slot))
      void this.#follow(key, branch, reader, signal);
    if (source.slot === MORE_SLOT) return;
    try {
      this.#take(key, publisher, event.record);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#parts.refused.inc();
      const reason = errorMessage(error);
      this.#parts.log.warn("record refused", { key, publisher, reason });
    }
  }

  #take(key: string, publisher: string, view: RecordView): void {
    const { onEvent, clock, inbox } = this.#parts;
    if (key === TYPES_KEY) {
      onEvent({ type: "types", publisher, types: decodeTypeList(view.value) });
      return;
    }
    const record = key === inbox ? this.#unseal(view.value) : decodeServiceRecord(view.value);
    if (key !== inbox && originIdOf(record) !== view.slot)
      throw new WireError("a service record in a slot that is not its own");
    const deadlineMs = clock.monotonicMs() + view.expiresInMs;
    const statement = { record, publisher, key, slot: view.slot, deadlineMs };
    onEvent({ type: "record", statement });
  }

  #unseal(value: Uint8Array): ServiceRecord {
    return decodeServiceRecord(decodePadded(this.#parts.unseal(value)));
  }

  #gone(key: string, publisher: string, slot: string): void {
    if (key === TYPES_KEY) this.#parts.onEvent({ type: "types", publisher, types: [] });
    else this.#parts.onEvent({ type: "gone", publisher, key, slot });
  }
}
