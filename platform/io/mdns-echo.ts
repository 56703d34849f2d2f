/**
 * Tells our own multicasts from everyone else's.
 *
 * The kernel gives every multicast back to the host that sent it, and other responders on this host
 * (Avahi, a second daemon) send from the same address and may send the same bytes. So each sent
 * datagram takes back exactly one received one, for a short while.
 */
import type { Clock } from "../clock.ts";

const KEPT_MS = 1000;
const KEPT_MAX = 512;

export class EchoFilter {
  readonly #clock: Clock;
  /** Bytes as text, with the times at which each was sent. */
  readonly #sent = new Map<string, number[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  sent(bytes: Uint8Array): void {
    const key = textOf(bytes);
    const times = this.#sent.get(key) ?? [];
    // Set anew, so that the oldest come first.
    this.#sent.delete(key);
    this.#sent.set(key, [...times, this.#clock.monotonicMs()]);
    for (const [oldest] of this.#sent) {
      if (this.#sent.size <= KEPT_MAX) break;
      this.#sent.delete(oldest);
    }
  }

  /** @returns `true` once for each datagram sent */
  isEcho(bytes: Uint8Array): boolean {
    const key = textOf(bytes);
    const nowMs = this.#clock.monotonicMs();
    const times = this.#sent.get(key)?.filter((sentAtMs) => nowMs - sentAtMs <= KEPT_MS);
    if (times === undefined) return false;
    const isEcho = times.shift() !== undefined;
    if (times.length === 0) this.#sent.delete(key);
    else this.#sent.set(key, times);
    return isEcho;
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
