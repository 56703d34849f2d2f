/**
 * Subnets that were reached, or told of, and are not reached now: whom to look for, and when.
 *
 * One that has departed in good order is missed by nobody. It is looked for all the same while this
 * host reaches no other: it may be the only one that hosts behind NAT can dial, and come back.
 */
import type { Clock } from "../../platform/clock.ts";
import type { Random } from "../../platform/random.ts";
import { isServing, type HostSet, type SetHost } from "../subnet/host-set.ts";

const RETRY_MS = 4_000;
const RETRY_MAX_MS = 60_000;
/** While nobody is reached at all. */
const RETRY_ALONE_MAX_MS = 15_000;
const LOST_MAX = 128;
/** A channel that closes sooner did not count: the peer refused, or its end never opened. */
const MET_AFTER_MS = 10_000;
/** A lost subnet is looked for this long while others are reached; without any, for ever. */
const KEPT_MS = 24 * 3_600_000;

/** Why a subnet is looked for: `told` of by another host, `lost`, or `departed` in good order. */
export type LostHow = "told" | "lost" | "departed";

interface Lost {
  readonly set: HostSet;
  readonly sinceMs: number;
  /** `told` becomes `lost` when it was tried and did not answer. */
  how: LostHow;
  nextAtMs: number;
  delayMs: number;
}

/** What the others are at the moment. */
export interface Reached {
  /** Whether any subnet is reached. */
  readonly isAny: boolean;
  isReached(subnetId: string): boolean;
  /** The newest set known of a subnet. */
  newest(subnetId: string): HostSet | undefined;
}

export class LostSubnets {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #lost = new Map<string, Lost>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Whether some subnet should be there that is not reached. */
  get isMissingAny(): boolean {
    return [...this.#lost.values()].some(
      ({ set, how }) => how === "told" || (how === "lost" && isServing(set.hosts)),
    );
  }

  /** Last sets of those that are to be there, and of those that have departed; oldest first. */
  sets(hasDeparted: boolean): readonly HostSet[] {
    return [...this.#lost.values()].flatMap(({ set, how }) =>
      (how === "departed") === hasDeparted ? [set] : [],
    );
  }

  setOf(subnetId: string): HostSet | undefined {
    return this.#lost.get(subnetId)?.set;
  }

  remember(set: HostSet, how: LostHow): void {
    if (!isWorthDialling(set)) return;
    const sinceMs = this.#clock.monotonicMs();
    this.#lost.delete(set.subnetId);
    this.#lost.set(set.subnetId, { set, sinceMs, how, nextAtMs: 0, delayMs: RETRY_MS });
    const [oldest] = this.#lost.keys();
    if (this.#lost.size > LOST_MAX && oldest !== undefined) this.#lost.delete(oldest);
  }

  forget(subnetId: string): void {
    this.#lost.delete(subnetId);
  }

  /** A channel to it has opened; it may close again at once. */
  met(subnetId: string): void {
    const lost = this.#lost.get(subnetId);
    if (lost !== undefined) lost.nextAtMs = this.#clock.monotonicMs() + MET_AFTER_MS;
  }

  /** It was tried, and is tried again after a while. */
  postpone(subnetId: string, isAlone: boolean): void {
    const lost = this.#lost.get(subnetId);
    if (lost === undefined) return;
    const delayMs = Math.min(lost.delayMs, isAlone ? RETRY_ALONE_MAX_MS : RETRY_MAX_MS);
    lost.nextAtMs = this.#clock.monotonicMs() + this.#random.between(delayMs / 2, delayMs);
    lost.delayMs = delayMs * 1.5;
  }

  /** A try has ended without a channel. */
  missed(subnetId: string): void {
    const lost = this.#lost.get(subnetId);
    if (lost?.how === "told") lost.how = "lost";
  }

  /** What failed before may work now. */
  retryNow(): void {
    for (const lost of this.#lost.values()) {
      lost.nextAtMs = 0;
      lost.delayMs = RETRY_MS;
    }
  }

  /** Lets those go that are back, or nobody waits for any more. @returns whom to look for now */
  review({ isAny, isReached, newest }: Reached): readonly string[] {
    const nowMs = this.#clock.monotonicMs();
    const due: string[] = [];
    for (const [subnetId, { set, how, sinceMs, nextAtMs }] of this.#lost) {
      if (!isWorthDialling(newest(subnetId) ?? set)) {
        this.#lost.delete(subnetId); // it dials us
      } else if (isReached(subnetId)) {
        if (nextAtMs <= nowMs) this.#lost.delete(subnetId);
      } else if (isAny && sinceMs + KEPT_MS < nowMs) {
        this.#lost.delete(subnetId);
      } else if (nextAtMs <= nowMs && !(isAny && how === "departed")) {
        due.push(subnetId);
      }
    }
    return due;
  }
}

/** A subnet that has said that nobody can dial it is not dialled. */
function isWorthDialling({ hosts }: { readonly hosts: readonly SetHost[] }): boolean {
  return hosts.some(({ reach }) => reach !== "unreachable");
}
