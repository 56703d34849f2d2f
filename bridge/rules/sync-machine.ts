/**
 * When a host compares its subnet's rules with which sibling.
 *
 * With each new one at once, with all after a change here, and with one at random now and then, in
 * case a push was lost. A comparison that fails is tried again, later and later, while the sibling
 * lives. Who merely learns of a change does not pass it on: its author tells everybody.
 */
import type { Machine, Tick } from "../../platform/machine.ts";
import type { Random } from "../../platform/random.ts";

const RETRY_MS = 1_000;
const RETRY_MS_MAX = 60_000;
/** In the mean; spread over half to one and a half of it. */
const ROUND_MS = 60_000;

export type SyncEvent =
  /** The other live hosts of the subnet, all of them. */
  | { readonly type: "siblings"; readonly hosts: readonly string[] }
  /** The rules were changed here. */
  | { readonly type: "changed" }
  /** This host is in another subnet: everybody is new. */
  | { readonly type: "moved" }
  | { readonly type: "done" | "failed"; readonly host: string };

export type SyncAction = { readonly type: "compare"; readonly host: string };

interface Sibling {
  /** Infinity when nothing is to be done. */
  dueAtMs: number;
  failures: number;
  isComparing: boolean;
  /** The rules changed under the comparison: it is done once more. */
  isStale: boolean;
}

export class RuleSyncMachine implements Machine<SyncEvent, SyncAction> {
  readonly #random: Random;
  #siblings: ReadonlyMap<string, Sibling> = new Map();
  #roundAtMs = Infinity;

  constructor(random: Random) {
    this.#random = random;
  }

  get wakeAtMs(): number {
    const dues = [...this.#siblings.values()].map((one) =>
      one.isComparing ? Infinity : one.dueAtMs,
    );
    return Math.min(this.#roundAtMs, ...dues);
  }

  step(event: SyncEvent | Tick, nowMs: number): readonly SyncAction[] {
    switch (event.type) {
      case "siblings":
        this.#meet(event.hosts, nowMs);
        break;
      case "changed":
      case "moved":
        for (const one of this.#siblings.values()) {
          Object.assign(one, { dueAtMs: nowMs, failures: 0, isStale: one.isComparing });
        }
        break;
      case "done":
      case "failed":
        this.#finish(event.host, event.type === "done", nowMs);
        break;
      case "tick":
        break;
    }
    return this.#due(nowMs);
  }

  #meet(hosts: readonly string[], nowMs: number): void {
    const fresh = (): Sibling => ({
      dueAtMs: nowMs,
      failures: 0,
      isComparing: false,
      isStale: false,
    });
    this.#siblings = new Map(hosts.map((host) => [host, this.#siblings.get(host) ?? fresh()]));
    if (hosts.length === 0) this.#roundAtMs = Infinity;
    else if (this.#roundAtMs === Infinity) this.#roundAtMs = this.#nextRound(nowMs);
  }

  #finish(host: string, isDone: boolean, nowMs: number): void {
    const one = this.#siblings.get(host);
    if (one?.isComparing !== true) return;
    one.isComparing = false;
    if (isDone) {
      one.failures = 0;
      one.dueAtMs = one.isStale ? nowMs : Infinity;
    } else {
      const waitMs = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** one.failures++);
      one.dueAtMs = nowMs + waitMs * this.#random.between(0.5, 1);
    }
    one.isStale = false;
  }

  #due(nowMs: number): readonly SyncAction[] {
    if (nowMs >= this.#roundAtMs) {
      this.#roundAtMs = this.#nextRound(nowMs);
      const lucky = this.#siblings.get(this.#random.pick([...this.#siblings.keys()]) ?? "");
      if (lucky !== undefined) lucky.dueAtMs = Math.min(lucky.dueAtMs, nowMs);
    }
    const actions: SyncAction[] = [];
    for (const [host, one] of this.#siblings) {
      if (one.isComparing || one.dueAtMs > nowMs) continue;
      Object.assign(one, { isComparing: true, dueAtMs: Infinity });
      actions.push({ type: "compare", host });
    }
    return actions;
  }

  #nextRound(nowMs: number): number {
    return nowMs + ROUND_MS * this.#random.between(0.5, 1.5);
  }
}
