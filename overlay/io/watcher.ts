/**
 * Watches of this host in one subnet: a subscription at each of a key's closest subnets, kept up
 * while they change.
 */
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Routing } from "../routing/routing.ts";
import {
  GetRequestCodec,
  GetResponseCodec,
  WatchNoticeCodec,
  WatchRequestCodec,
} from "../schema/messages.ts";
import type { WatchEvent } from "../types.ts";
import type { Custodian } from "../custody/custodian.ts";
import { CALL } from "../schema/methods.ts";
import type { Neighbours } from "../peers/neighbours.ts";
import type { PeerChannel } from "./peer-channel.ts";
import { readPages, type RecordPage } from "../custody/record-page.ts";
import type { WatchDesk } from "../custody/watch-desk.ts";
import { WatchFeed } from "./watch-feed.ts";

const WATCH_TIMEOUT_MS = 3_000;
/** Subscriptions are looked over this often; also the wait after a failure. */
const REVIEW_MS = 2_000;

export interface WatcherParts {
  readonly custodian: Custodian;
  readonly desk: WatchDesk;
  readonly neighbours: Neighbours<PeerChannel>;
  readonly routing: Routing;
  readonly clock: Clock;
  readonly log: Logger;
  readonly selfSubnet: string;
  readonly replicas: number;
}

export class Watcher {
  readonly #parts: WatcherParts;
  readonly #watches = new Map<number, KeyWatch>();
  readonly #stopping = new AbortController();
  #nextId = 1;

  constructor(parts: WatcherParts) {
    this.#parts = parts;
  }

  /**
   * Yields until `signal` aborts or this host's time in the subnet is over.
   *
   * @param feed what goes on in the next subnet; by default the watch ends with this one
   */
  async *watch(key: Uint8Array, signal: AbortSignal, feed?: WatchFeed): AsyncGenerator<WatchEvent> {
    const ending = AbortSignal.any([signal, this.#stopping.signal]);
    if (ending.aborted) return;
    const told = feed ?? new WatchFeed(key);
    const id = this.#nextId++;
    const watch = new KeyWatch(id, told, this.#parts);
    this.#watches.set(id, watch);
    try {
      yield* told.read(ending);
    } finally {
      this.#watches.delete(id);
      watch.stop();
      if (feed === undefined) told.stop();
    }
  }

  /** Ends all watches, and takes no new ones. */
  stop(): void {
    this.#stopping.abort();
    for (const watch of this.#watches.values()) watch.stop();
  }

  /** A holder told of a change. */
  onNotice(body: Uint8Array): void {
    const { id, items } = WatchNoticeCodec.decode(body);
    this.#watches.get(id)?.feed.take(items);
  }

  /** Subnets or channels came or went. */
  onChange(): void {
    for (const watch of this.#watches.values()) watch.review();
  }
}

class KeyWatch {
  readonly feed: WatchFeed;
  readonly #id: number;
  readonly #key: Uint8Array;
  readonly #parts: WatcherParts;
  readonly #subscribed = new Map<string, PeerChannel>();
  readonly #subscribing = new Set<string>();
  readonly #reviewTimer: NodeJS.Timeout;
  #stopOwn: (() => void) | undefined;
  #isStopped = false;

  constructor(id: number, feed: WatchFeed, parts: WatcherParts) {
    this.#id = id;
    this.feed = feed;
    this.#key = feed.key;
    this.#parts = parts;
    this.#reviewTimer = setInterval(() => this.review(), REVIEW_MS);
    this.review();
  }

  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    clearInterval(this.#reviewTimer);
    this.#stopOwn?.();
    for (const channel of this.#subscribed.values()) this.#cancel(channel);
  }

  /** Sees to it that each of the closest subnets has one live subscription. */
  review(): void {
    if (this.#isStopped) return;
    const { routing, replicas, selfSubnet } = this.#parts;
    const closest = routing.closestKnown(this.#key, replicas).map((entry) => entry.subnetId);
    for (const [subnetId, channel] of this.#subscribed)
      if (!channel.isOpen) this.#subscribed.delete(subnetId);
    for (const subnetId of closest) {
      if (subnetId === selfSubnet) void this.#subscribeOwn();
      else if (!this.#subscribed.has(subnetId)) void this.#subscribe(subnetId);
    }
  }

  async #subscribeOwn(): Promise<void> {
    if (this.#stopOwn !== undefined) return;
    const { desk, custodian, log } = this.#parts;
    const stop = desk.add(this.#key, (items) => this.feed.take(items));
    this.#stopOwn = stop;
    try {
      this.feed.take(await custodian.getAll(this.#key));
    } catch (error) {
      log.debug("own watch failed", { reason: errorMessage(error) });
      stop();
      this.#stopOwn = undefined;
    }
  }

  async #subscribe(subnetId: string): Promise<void> {
    if (this.#subscribing.has(subnetId)) return;
    this.#subscribing.add(subnetId);
    const { neighbours, log } = this.#parts;
    let channel: PeerChannel | undefined;
    try {
      channel = neighbours.channels(subnetId)[0] ?? (await neighbours.connect(subnetId));
      if (this.#isStopped) return;
      const answer = await channel.call(CALL.watch, this.#request(false), WATCH_TIMEOUT_MS);
      if (this.#isStopped) return this.#cancel(channel);
      await this.#takePages(GetResponseCodec.decode(answer), channel);
      if (this.#isStopped) return this.#cancel(channel);
      this.#subscribed.set(subnetId, channel);
    } catch (error) {
      log.debug("watch failed", { subnet: subnetId, reason: errorMessage(error) });
      // It may have begun all the same, its answer too late or too strange.
      if (channel !== undefined) this.#cancel(channel);
    } finally {
      this.#subscribing.delete(subnetId);
    }
  }

  /** What there is already, as far as it did not fit the answer to the watch. */
  async #takePages(first: RecordPage, channel: PeerChannel): Promise<void> {
    const key = this.#key;
    const items = await readPages(first, async (after) => {
      const body = GetRequestCodec.encode({ key, isInside: false, isQuick: false, after });
      return GetResponseCodec.decode(await channel.call(CALL.get, body, WATCH_TIMEOUT_MS));
    });
    this.feed.take(items);
  }

  #cancel(channel: PeerChannel): void {
    void channel.call(CALL.watch, this.#request(true)).catch(() => {}); // it is gone already
  }

  #request(isCancel: boolean): Uint8Array {
    return WatchRequestCodec.encode({ key: this.#key, id: this.#id, isCancel });
  }
}
