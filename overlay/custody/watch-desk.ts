/**
 * Who is to be told when a key changes: watchers at other hosts, and siblings that have some.
 *
 * A watcher asks one host of a subnet, a put may reach another: each host tells its siblings in
 * which keys it has an interest, and whoever takes a change in tells them.
 */
import { fromHex, toHex } from "../../platform/bytes.ts";
import { OverlayError } from "../errors.ts";
import {
  GetResponseCodec,
  InterestNoticeCodec,
  PutRequestCodec,
  WatchNoticeCodec,
  WatchRequestCodec,
  type RecordItem,
} from "../schema/messages.ts";
import { decodeRecord } from "../records/record.ts";
import { toGetResponse, type Answer } from "./answer.ts";
import { NOTICE } from "../schema/methods.ts";
import type { Channel } from "../peers/channel.ts";
import type { Siblings } from "../peers/siblings.ts";

/** Told of records that changed under a watched key. */
export type WatchListener = (items: readonly RecordItem[]) => void;

/** Keys that one other host may watch through this one. */
const WATCHES_PER_PEER_MAX = 1024;
/** Keys that one sibling may have watchers of. */
const INTERESTS_PER_HOST_MAX = 4096;
const KEY_BYTES = 32;

export class WatchDesk {
  readonly #siblings: Siblings;
  readonly #listeners = new Map<string, Set<WatchListener>>();
  readonly #remote = new Map<Channel, Map<number, () => void>>();
  /** Sibling, then keys that it has watchers of, in hex. */
  readonly #interests = new Map<string, Set<string>>();

  constructor(siblings: Siblings) {
    this.#siblings = siblings;
  }

  /** @returns the way to stop */
  add(key: Uint8Array, listener: WatchListener): () => void {
    const keyHex = toHex(key);
    const listeners = this.#listeners.get(keyHex) ?? new Set();
    this.#listeners.set(keyHex, listeners.add(listener));
    if (listeners.size === 1) this.#tellInterest(key, false);
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      this.#listeners.delete(keyHex);
      this.#tellInterest(key, true);
    };
  }

  /** A watch of another host, by the number that it gave it; false when it has too many. */
  addRemote(channel: Channel, id: number, key: Uint8Array): boolean {
    this.removeRemote(channel, id);
    const watches = this.#remote.get(channel) ?? new Map<number, () => void>();
    if (watches.size >= WATCHES_PER_PEER_MAX) return false;
    this.#remote.set(channel, watches);
    const stop = this.add(key, (items) =>
      channel.notify(NOTICE.watchEvent, WatchNoticeCodec.encode({ id, key, items: [...items] })),
    );
    watches.set(id, stop);
    return true;
  }

  /**
   * Answers a watch call: starts or ends one, and gives what there is now.
   *
   * @throws {OverlayError} ERR_OVERLAY_QUOTA when the peer watches too much
   */
  async serve(
    channel: Channel,
    body: Uint8Array,
    source: { get(key: Uint8Array): Promise<Answer> },
  ): Promise<Uint8Array> {
    const { key, id, isCancel } = WatchRequestCodec.decode(body);
    if (key.length !== KEY_BYTES)
      throw new OverlayError("ERR_OVERLAY_RECORD", `a key of ${key.length} bytes`);
    if (isCancel) this.removeRemote(channel, id);
    else if (!this.addRemote(channel, id, key))
      throw new OverlayError("ERR_OVERLAY_QUOTA", `${WATCHES_PER_PEER_MAX} watches at most`);
    const none: Answer = { items: [], next: "", resolvedBy: "none", host: channel.hostId };
    return GetResponseCodec.encode(toGetResponse(isCancel ? none : await source.get(key)));
  }

  /** An interested host is told by the sibling that took the change in. */
  hear(body: Uint8Array): void {
    for (const item of PutRequestCodec.decode(body).items)
      this.publish(decodeRecord(item.record).key, [item], false);
  }

  removeRemote(channel: Channel, id: number): void {
    const watches = this.#remote.get(channel);
    watches?.get(id)?.();
    watches?.delete(id);
  }

  /** A channel closed: its watches and its host's interests go. */
  forget(channel: Channel): void {
    for (const stop of this.#remote.get(channel)?.values() ?? []) stop();
    this.#remote.delete(channel);
    if (!this.#siblings.has(channel.hostId)) this.#interests.delete(channel.hostId);
  }

  /** A sibling came: it learns what is watched here. */
  introduce(channel: Channel): void {
    for (const keyHex of this.#listeners.keys()) {
      const notice = { key: fromHex(keyHex), isCancel: false };
      channel.notify(NOTICE.interest, InterestNoticeCodec.encode(notice));
    }
  }

  /** A sibling has watchers of a key, or none any more; what is too much is passed over. */
  onInterest(hostId: string, key: Uint8Array, isCancel: boolean): void {
    const keys = this.#interests.get(hostId) ?? new Set();
    if (isCancel) keys.delete(toHex(key));
    else if (key.length === KEY_BYTES && keys.size < INTERESTS_PER_HOST_MAX) keys.add(toHex(key));
    if (keys.size === 0) this.#interests.delete(hostId);
    else this.#interests.set(hostId, keys);
  }

  /**
   * A record under `key` changed here.
   *
   * @param isEntry this host took it in for the subnet: it tells interested siblings too
   */
  publish(key: Uint8Array, items: readonly RecordItem[], isEntry: boolean): void {
    const keyHex = toHex(key);
    for (const listener of this.#listeners.get(keyHex) ?? []) listener(items);
    if (!isEntry) return;
    const body = PutRequestCodec.encode({ items: [...items], isInside: true });
    for (const [hostId, keys] of this.#interests)
      if (keys.has(keyHex)) this.#siblings.channel(hostId)?.notify(NOTICE.changed, body);
  }

  #tellInterest(key: Uint8Array, isCancel: boolean): void {
    this.#siblings.notify(NOTICE.interest, InterestNoticeCodec.encode({ key, isCancel }));
  }
}
