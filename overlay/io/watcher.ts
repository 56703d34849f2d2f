/**
 * Watches of this host: a subscription at each of a key's closest subnets, kept up while they
 * change, each change told once.
 */
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import { decodeRecord, slotIdOf, toRecordView, type SignedRecord } from "../records/record.ts";
import type { Routing } from "../routing/routing.ts";
import {
  GetResponseCodec,
  WatchNoticeCodec,
  WatchRequestCodec,
  type RecordItem,
} from "../schema/messages.ts";
import type { WatchEvent } from "../types.ts";
import type { Custodian } from "./custodian.ts";
import { EventQueue } from "./event-queue.ts";
import { FreshRecords } from "./fresh-records.ts";
import { CALL } from "./methods.ts";
import type { Neighbours } from "./neighbours.ts";
import type { PeerChannel } from "./peer-channel.ts";
import type { WatchDesk } from "./watch-desk.ts";

const WATCH_TIMEOUT_MS = 3_000;
/** Subscriptions are looked over this often; also the wait after a failure. */
const REVIEW_MS = 2_000;

export interface WatcherParts {
  readonly custodian: Custodian;
  readonly desk: WatchDesk;
  readonly neighbours: Neighbours;
  readonly routing: Routing;
  readonly clock: Clock;
  readonly log: Logger;
  readonly selfSubnet: string;
  readonly replicas: number;
}

export class Watcher {
  readonly #parts: WatcherParts;
  readonly #watches = new Map<number, KeyWatch>();
  #nextId = 1;

  constructor(parts: WatcherParts) {
    this.#parts = parts;
  }

  async *watch(key: Uint8Array, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const id = this.#nextId++;
    const watch = new KeyWatch(id, key, this.#parts);
    this.#watches.set(id, watch);
    try {
      yield* watch.events(signal);
    } finally {
      this.#watches.delete(id);
      watch.stop();
    }
  }

  /** A holder told of a change. */
  onNotice(body: Uint8Array): void {
    const { id, items } = WatchNoticeCodec.decode(body);
    this.#watches.get(id)?.take(items);
  }

  /** Subnets or channels came or went. */
  onChange(): void {
    for (const watch of this.#watches.values()) watch.review();
  }
}

class KeyWatch {
  readonly #id: number;
  readonly #key: Uint8Array;
  readonly #parts: WatcherParts;
  readonly #fresh: FreshRecords;
  readonly #queue = new EventQueue<WatchEvent>();
  readonly #expiries = new Map<string, NodeJS.Timeout>();
  readonly #subscribed = new Map<string, PeerChannel>();
  readonly #subscribing = new Set<string>();
  readonly #reviewTimer: NodeJS.Timeout;
  #stopOwn: (() => void) | undefined;
  #isStopped = false;

  constructor(id: number, key: Uint8Array, parts: WatcherParts) {
    this.#id = id;
    this.#key = key;
    this.#parts = parts;
    this.#fresh = new FreshRecords(key);
    this.#reviewTimer = setInterval(() => this.review(), REVIEW_MS);
    this.review();
  }

  events(signal: AbortSignal): AsyncGenerator<WatchEvent> {
    return this.#queue.read(signal);
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#reviewTimer);
    for (const timer of this.#expiries.values()) clearTimeout(timer);
    this.#stopOwn?.();
    for (const channel of this.#subscribed.values())
      void channel.call(CALL.watch, this.#request(true)).catch(() => {}); // it is gone already
  }

  /** Sees to it that each of the closest subnets has one live subscription. */
  review(): void {
    if (this.#isStopped) return;
    const { routing, replicas, selfSubnet } = this.#parts;
    const closest = routing.closestKnown(this.#key, replicas).map((entry) => entry.subnetId);
    for (const [subnetId, channel] of this.#subscribed)
      if (!channel.isOpen) this.#subscribed.delete(subnetId);
    for (const subnetId of closest) {
      if (subnetId === selfSubnet) this.#subscribeOwn();
      else if (!this.#subscribed.has(subnetId)) void this.#subscribe(subnetId);
    }
  }

  take(items: readonly RecordItem[]): void {
    for (const item of items) {
      if (this.#fresh.add(item) !== "news") continue;
      const record = decodeRecord(item.record);
      this.#emit(record, item.remainingMs);
    }
  }

  #emit(record: SignedRecord, remainingMs: number): void {
    const slotId = slotIdOf(record);
    const { key, publisher, slot, version } = record;
    clearTimeout(this.#expiries.get(slotId));
    this.#expiries.delete(slotId);
    if (record.isRemoved)
      return this.#queue.push({ type: "remove", key, publisher, slot, version });
    this.#queue.push({ type: "put", record: toRecordView(record, remainingMs) });
    const expire = (): void => this.#queue.push({ type: "expire", key, publisher, slot, version });
    const timer = setTimeout(expire, remainingMs);
    timer.unref();
    this.#expiries.set(slotId, timer);
  }

  #subscribeOwn(): void {
    if (this.#stopOwn !== undefined) return;
    const { desk, custodian } = this.#parts;
    this.#stopOwn = desk.add(this.#key, (items) => this.take(items));
    void custodian.get(this.#key).then(({ items }) => this.take(items));
  }

  async #subscribe(subnetId: string): Promise<void> {
    if (this.#subscribing.has(subnetId)) return;
    this.#subscribing.add(subnetId);
    const { neighbours, log } = this.#parts;
    try {
      const [open] = neighbours.channels(subnetId);
      const channel = open ?? (await neighbours.connect(subnetId));
      const answer = await channel.call(CALL.watch, this.#request(false), WATCH_TIMEOUT_MS);
      this.#subscribed.set(subnetId, channel);
      this.take(GetResponseCodec.decode(answer).items);
    } catch (error) {
      log.debug("watch failed", { subnet: subnetId, reason: errorMessage(error) });
    } finally {
      this.#subscribing.delete(subnetId);
    }
  }

  #request(isCancel: boolean): Uint8Array {
    return WatchRequestCodec.encode({ key: this.#key, id: this.#id, isCancel });
  }
}
