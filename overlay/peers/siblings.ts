/**
 * The other hosts of this subnet: a channel to each, under host keys.
 *
 * Siblings cannot reach each other under the subnet's key, since it is their own. A sibling is one
 * once it said hello over a connection for this subnet, and none on a failed stream.
 */
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Timers } from "../../platform/timers.ts";
import { OverlayError } from "../errors.ts";
import type { SetHost } from "../subnet/host-set.ts";
import type { Channel, Channels } from "./channel.ts";
import { tryEach } from "./try-each.ts";

const DIAL_TIMEOUT_MS = 2_000;
const STAGGER_MS = 200;
const MISSED_RETRY_MS = 4_000;
const MISSED_RETRY_MAX_MS = 30_000;
const MISSED_MAX = 64;
/** Tries before a host named in a handed-over set counts as gone. */
const MEET_TRIES = 2;
const RENEW_MS = 500;

interface Missed {
  readonly host: SetHost;
  readonly sinceMs: number;
  nextAtMs: number;
  delayMs: number;
}

export class Siblings<C extends Channel = Channel> {
  readonly #pool: Channels<C>;
  readonly #subnetId: string;
  readonly #log: Logger;
  readonly #timers: Timers;
  readonly #onLink: (hostId: string) => readonly string[];
  #isRenewing = false;
  readonly #dialling = new Map<string, Promise<void>>();
  /** Siblings that went without a goodbye: a cut link may heal. */
  readonly #missed = new Map<string, Missed>();

  /** @param onLink host-node addresses of a host as multicast tells them, zones included */
  constructor(
    pool: Channels<C>,
    subnetId: string,
    log: Logger,
    timers: Timers,
    onLink: (hostId: string) => readonly string[] = () => [],
  ) {
    this.#pool = pool;
    this.#subnetId = subnetId;
    this.#log = log;
    this.#timers = timers;
    this.#onLink = onLink;
  }

  /** One open channel per sibling. */
  channels(): C[] {
    const byHost = new Map<string, C>();
    for (const channel of this.#pool.channels)
      if (channel.isOpen && channel.isMember && channel.subnetId === this.#subnetId)
        byHost.set(channel.hostId, channel);
    return [...byHost.values()];
  }

  channel(hostId: string): C | undefined {
    return this.channels().find((channel) => channel.hostId === hostId);
  }

  has(hostId: string): boolean {
    return this.channel(hostId) !== undefined;
  }

  /** @throws {OverlayError} ERR_OVERLAY_UNREACHABLE when that sibling is gone */
  async call(
    hostId: string,
    method: string,
    body: Uint8Array,
    timeoutMs: number,
  ): Promise<Uint8Array> {
    const channel = this.channel(hostId);
    if (channel === undefined)
      throw new OverlayError("ERR_OVERLAY_UNREACHABLE", `no connection to sibling ${hostId}`);
    return channel.call(method, body, timeoutMs);
  }

  notify(method: string, body: Uint8Array): void {
    for (const channel of this.channels()) channel.notify(method, body);
  }

  /** A sibling's connection failed; it is looked for from time to time. */
  miss(host: SetHost, nowMs: number): void {
    if (this.#missed.size < MISSED_MAX)
      this.#missed.set(host.id, {
        host,
        sinceMs: nowMs,
        nextAtMs: 0,
        delayMs: MISSED_RETRY_MS,
      });
  }

  /** Those whose connections failed since then. */
  missedSince(sinceMs: number): SetHost[] {
    return [...this.#missed.values()].flatMap((one) => (one.sinceMs >= sinceMs ? one.host : []));
  }

  /** This host's addresses are others: all connections are dead, and made anew at once. */
  renew(): void {
    this.#isRenewing = true;
    this.#pool.abandon("this host's address changed");
    this.#timers.after(RENEW_MS, () => (this.#isRenewing = false));
  }

  /** Whether lost connections are this host's own doing, and say nothing of the siblings. */
  get isRenewing(): boolean {
    return this.#isRenewing;
  }

  /** After a sleep or a change of address: what failed before may work now. */
  retryNow(): void {
    for (const missed of this.#missed.values()) {
      missed.nextAtMs = 0;
      missed.delayMs = MISSED_RETRY_MS;
    }
  }

  /** It said goodbye. */
  forget(hostId: string): void {
    this.#missed.delete(hostId);
  }

  /** Dials those missed whose time has come; to be called about once a second. */
  seek(nowMs: number): void {
    for (const [hostId, missed] of this.#missed) {
      if (this.has(hostId)) this.#missed.delete(hostId);
      else if (missed.nextAtMs <= nowMs) {
        missed.nextAtMs = nowMs + missed.delayMs;
        missed.delayMs = Math.min(MISSED_RETRY_MAX_MS, missed.delayMs * 1.5);
        void this.reach(missed.host);
      }
    }
  }

  /** As `reach`, patient enough to tell a host that is gone. */
  async meet(host: SetHost): Promise<boolean> {
    for (let attempt = 0; attempt < MEET_TRIES; attempt++) if (await this.reach(host)) return true;
    return this.has(host.id);
  }

  /** Dials a sibling unless that is done, or joins a dial under way; tells whether it is there. */
  async reach(host: SetHost): Promise<boolean> {
    if (this.has(host.id)) return true;
    const dial = this.#dialling.get(host.id) ?? this.#dial(host);
    this.#dialling.set(host.id, dial);
    await dial;
    return this.has(host.id);
  }

  async #dial(host: SetHost): Promise<void> {
    try {
      await tryEach(
        this.#timers,
        [...new Set([...host.hostAddresses, ...this.#onLink(host.id)])],
        (address) => this.#pool.dial(address, this.#timers.signalAfter(DIAL_TIMEOUT_MS)),
        STAGGER_MS,
      );
    } catch (error) {
      this.#log.debug("sibling not reached", { host: host.id, reason: errorMessage(error) });
    } finally {
      this.#dialling.delete(host.id);
    }
  }
}
