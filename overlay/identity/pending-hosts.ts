/**
 * Newcomers that wait at a locked link, and those that were let in and have not fetched it yet.
 *
 * Anybody on the link may ask, so the list is bounded, in all and for each address. Design, "Trust".
 */
import type { Membership } from "../schema/messages.ts";

export const PENDING_MAX = 64;
export const PENDING_FOR_MS = 3_600_000;
/** Hosts waiting behind one address. */
export const PENDING_PER_ADDRESS_MAX = 8;

export interface PendingHost {
  readonly id: string;
  readonly key: Uint8Array;
  /** What it calls itself; anybody may call itself anything. */
  readonly name: string;
  readonly address: string;
  /** Monotonic time of its first question. */
  readonly sinceMs: number;
}

interface Waiting extends PendingHost {
  readonly lastMs: number;
}

interface Approved {
  readonly membership: Membership;
  readonly untilMs: number;
}

export class PendingHosts {
  readonly #waiting = new Map<string, Waiting>();
  readonly #approved = new Map<string, Approved>();

  /** A newcomer asked, here or at a sibling; false when its address has too many waiting. */
  note(host: Omit<PendingHost, "sinceMs">, nowMs: number, waitingMs = 0): boolean {
    this.#forgetOld(nowMs);
    const known = this.#waiting.get(host.id);
    const sinceMs = Math.min(known?.sinceMs ?? Infinity, nowMs - waitingMs);
    const sameAddress = [...this.#waiting.values()].filter(
      ({ address }) => address === host.address,
    );
    if (known === undefined && sameAddress.length >= PENDING_PER_ADDRESS_MAX) return false;
    this.#waiting.delete(host.id);
    this.#waiting.set(host.id, { ...host, sinceMs, lastMs: nowMs });
    if (this.#waiting.size > PENDING_MAX)
      this.#waiting.delete(this.#waiting.keys().next().value ?? ""); // the longest unheard
    return true;
  }

  /** The longest waiting first. */
  list(nowMs: number): readonly PendingHost[] {
    this.#forgetOld(nowMs);
    return [...this.#waiting.values()].toSorted((a, b) => a.sinceMs - b.sinceMs);
  }

  /** It was let in; the membership waits for it as long as it was waited for. */
  approve(hostId: string, membership: Membership, nowMs: number): void {
    this.#waiting.delete(hostId);
    this.#approved.delete(hostId);
    this.#approved.set(hostId, { membership, untilMs: nowMs + PENDING_FOR_MS });
    if (this.#approved.size > PENDING_MAX)
      this.#approved.delete(this.#approved.keys().next().value ?? "");
  }

  approvalOf(hostId: string, nowMs: number): Membership | undefined {
    this.#forgetOld(nowMs);
    return this.#approved.get(hostId)?.membership;
  }

  /** It is in. */
  forget(hostId: string): void {
    this.#waiting.delete(hostId);
  }

  #forgetOld(nowMs: number): void {
    for (const [id, { lastMs }] of this.#waiting)
      if (lastMs + PENDING_FOR_MS <= nowMs) this.#waiting.delete(id);
    for (const [id, { untilMs }] of this.#approved) if (untilMs <= nowMs) this.#approved.delete(id);
  }
}
