/**
 * Whether other subnets can dial this host: asked of two of them, and of all evidence that comes by.
 *
 * A host behind NAT takes part as a client, so the answer decides who stands in routing tables. It
 * changes slowly: one success counts, two subnets have to fail. Design, "Reachability".
 */
import type { Machine, Tick } from "../../platform/machine.ts";

export type Reach = "unknown" | "reachable" | "unreachable";

export type ReachabilityEvent =
  /** A channel to a host of another subnet is open, which can be asked. */
  | { readonly type: "neighbour-up"; readonly subnetId: string }
  | { readonly type: "neighbour-down"; readonly subnetId: string }
  /** Another subnet has dialled this host. */
  | { readonly type: "dialled" }
  | { readonly type: "answer"; readonly subnetId: string; readonly isReached: boolean }
  /** It gave no answer, which says nothing. */
  | { readonly type: "unanswered"; readonly subnetId: string }
  /** This host is to be dialled elsewhere than before. */
  | { readonly type: "address-changed" };

export type ReachabilityAction =
  /** Ask that subnet to dial this host. */
  | { readonly type: "ask"; readonly subnetId: string }
  | { readonly type: "changed"; readonly reach: Reach };

/** Subnets whose failure to reach this host is believed. */
const WITNESSES = 2;
/** How long a lone witness is left alone with its word. */
const SECOND_WAIT_MS = 2_000;
const CONFIRM_EVERY_MS = 5 * 60_000;
const RETRY_MS = 30_000;
const RETRY_MAX_MS = 10 * 60_000;
/** A reachable host that is told otherwise asks again soon. */
const DOUBT_MS = 10_000;

export class ReachabilityMachine implements Machine<ReachabilityEvent, ReachabilityAction> {
  #reach: Reach = "unknown";
  #isAsking = true;
  #wakeAtMs = Infinity;
  #retryMs = RETRY_MS;
  /** Rounds in a row in which nobody reached this host. */
  #failedRounds = 0;
  readonly #neighbours = new Set<string>();
  /** Who was asked in this round, and whether it has failed to reach this host. */
  readonly #asked = new Map<string, "asked" | "failed" | "silent">();

  get reach(): Reach {
    return this.#reach;
  }

  get wakeAtMs(): number {
    return this.#wakeAtMs;
  }

  step(event: ReachabilityEvent | Tick, nowMs: number): readonly ReachabilityAction[] {
    switch (event.type) {
      case "neighbour-up":
        this.#neighbours.add(event.subnetId);
        return this.#isAsking ? this.#ask(nowMs) : [];
      case "neighbour-down":
        this.#neighbours.delete(event.subnetId);
        return [];
      case "dialled":
        // A neighbour behind the same NAT dials too: where others have failed, they are asked again.
        if (this.#failedRounds === 0) return this.#becomeReachable(nowMs);
        return this.#isAsking ? [] : this.#beginRound(nowMs);
      case "answer":
        if (event.isReached) return this.#becomeReachable(nowMs);
        return this.#onWitness(event.subnetId, "failed", nowMs);
      case "unanswered":
        return this.#onWitness(event.subnetId, "silent", nowMs);
      case "address-changed":
        this.#failedRounds = 0;
        this.#retryMs = RETRY_MS;
        return [...this.#become("unknown"), ...this.#beginRound(nowMs)];
      case "tick":
        return this.#onTick(nowMs);
    }
  }

  #onTick(nowMs: number): readonly ReachabilityAction[] {
    if (nowMs < this.#wakeAtMs) return [];
    this.#wakeAtMs = Infinity;
    return this.#isAsking && this.#failures() > 0 ? this.#endRound(nowMs) : this.#beginRound(nowMs);
  }

  #beginRound(nowMs: number): readonly ReachabilityAction[] {
    this.#asked.clear();
    this.#isAsking = true;
    this.#wakeAtMs = Infinity;
    return this.#ask(nowMs);
  }

  /** Asks as many as are missing, of those not asked yet. */
  #ask(nowMs: number): readonly ReachabilityAction[] {
    const actions: ReachabilityAction[] = [];
    for (const subnetId of this.#neighbours) {
      const counted = [...this.#asked.values()].filter((state) => state !== "silent").length;
      if (counted >= WITNESSES) break;
      if (this.#asked.has(subnetId)) continue;
      this.#asked.set(subnetId, "asked");
      actions.push({ type: "ask", subnetId });
    }
    const isWaiting = [...this.#asked.values()].includes("asked");
    if (isWaiting) this.#wakeAtMs = Infinity;
    else if (this.#failures() > 0) this.#wakeAtMs = nowMs + SECOND_WAIT_MS;
    else if (this.#asked.size > 0) this.#wakeAtMs = nowMs + RETRY_MS; // all were silent
    return actions;
  }

  #onWitness(
    subnetId: string,
    state: "failed" | "silent",
    nowMs: number,
  ): readonly ReachabilityAction[] {
    if (!this.#isAsking || this.#asked.get(subnetId) !== "asked") return [];
    this.#asked.set(subnetId, state);
    return this.#failures() >= WITNESSES ? this.#endRound(nowMs) : this.#ask(nowMs);
  }

  /** Nobody reached this host. */
  #endRound(nowMs: number): readonly ReachabilityAction[] {
    this.#isAsking = false;
    this.#failedRounds++;
    if (this.#reach === "reachable" && this.#failedRounds < 2) {
      this.#wakeAtMs = nowMs + DOUBT_MS;
      return [];
    }
    this.#wakeAtMs = nowMs + this.#retryMs;
    this.#retryMs = Math.min(RETRY_MAX_MS, 2 * this.#retryMs);
    return this.#become("unreachable");
  }

  #becomeReachable(nowMs: number): readonly ReachabilityAction[] {
    this.#isAsking = false;
    this.#failedRounds = 0;
    this.#retryMs = RETRY_MS;
    this.#wakeAtMs = nowMs + CONFIRM_EVERY_MS;
    return this.#become("reachable");
  }

  #become(reach: Reach): readonly ReachabilityAction[] {
    if (reach === this.#reach) return [];
    this.#reach = reach;
    return [{ type: "changed", reach }];
  }

  #failures(): number {
    return [...this.#asked.values()].filter((state) => state === "failed").length;
  }
}
