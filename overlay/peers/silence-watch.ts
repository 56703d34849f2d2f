/**
 * Which subnets have fallen silent: a call waits, and nothing at all came from there since.
 *
 * A cable that is pulled closes no connection, and heartbeats tell of it after eleven seconds. A
 * call tells sooner: what is asked next goes to subnets that answer. Silence is a hint, taken back
 * by the first frame that is heard; it evicts nobody.
 */
import type { Clock } from "../../platform/clock.ts";
import type { Timers } from "../../platform/timers.ts";
import type { Channel } from "./channel.ts";

/** A slow answer is no silence: after this long a ping asks for any sign of life. */
const PING_AFTER_MS = 250;
const SILENT_AFTER_MS = 700;

/** What is needed of a channel. */
export type AskedChannel = Pick<Channel, "subnetId" | "lastHeardMs" | "ping">;

export class SilenceWatch {
  readonly #clock: Clock;
  readonly #timers: Timers;
  /** By subnet, since when. */
  readonly #silent = new Map<string, number>();

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
  }

  /** A call is sent; what is given back is to be called when it has an answer or is given up. */
  asked(channel: AskedChannel): () => void {
    const sentMs = this.#clock.monotonicMs();
    const isHeard = (): boolean => channel.lastHeardMs > sentMs;
    let timer = this.#timers.after(PING_AFTER_MS, () => {
      if (isHeard()) return;
      channel.ping();
      timer = this.#timers.after(SILENT_AFTER_MS - PING_AFTER_MS, () => {
        if (!isHeard()) this.#silent.set(channel.subnetId, sentMs);
      });
    });
    return () => timer.cancel();
  }

  /** What left the table is asked no more. */
  forget(subnetId: string): void {
    this.#silent.delete(subnetId);
  }

  /** @param channels all open ones to that subnet */
  isSilent(subnetId: string, channels: readonly AskedChannel[]): boolean {
    const sinceMs = this.#silent.get(subnetId);
    if (sinceMs === undefined) return false;
    const isBack = channels.some(({ lastHeardMs }) => lastHeardMs > sinceMs);
    if (isBack) this.#silent.delete(subnetId);
    return !isBack;
  }
}
