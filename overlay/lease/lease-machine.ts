/**
 * A lease inside the subnet: who acts for it, at most three hosts, its crew, each for some of n slots.
 *
 * All hosts know who lives in the subnet, so all pick the same three. These keep a stream to each other
 * with a beat on it. Who is silent for `DEAD_MS`, or whose stream breaks, no longer acts; the others
 * divide its slots at once.
 *
 * Who begins knows nothing yet of what the others do in their slots, and would do it otherwise. So it acts once each
 * colleague that lives has spoken and can act too: hosts that come together begin together. Two hosts
 * may still disagree for a moment and both act.
 */
import type { Machine, Tick } from "../../platform/machine.ts";
import { rankHosts } from "./rendezvous.ts";

export const CREW_MAX = 3;
export const BEAT_MS = 400;
export const DEAD_MS = 1200;
/** How long a new colleague is believed to live before it has said a word. */
const GREETING_MS = 2000;
/** How long who begins waits for colleagues that live and cannot act yet. */
export const SETTLE_MS = 3000;
/** Between two tries to reach a colleague that did not answer. */
const REDIAL_MS = 1000;

/** As the moment until which a colleague lives. */
const DEAD = -Infinity;

export type LeaseEvent =
  /** Live hosts of the subnet, this one among them; none while there is no subnet. */
  | { readonly type: "hosts"; readonly subnetId: string; readonly hosts: readonly string[] }
  /** A frame came. */
  | { readonly type: "heard"; readonly host: string; readonly canAct: boolean }
  | { readonly type: "opened"; readonly host: string }
  /** The stream broke, or could not be opened. */
  | { readonly type: "broke"; readonly host: string }
  /** Whether this host has what it takes to act, such as multicast DNS. */
  | { readonly type: "able"; readonly canAct: boolean };

export type LeaseAction =
  | { readonly type: "dial"; readonly host: string }
  | { readonly type: "beat"; readonly host: string }
  | { readonly type: "drop"; readonly host: string }
  /** `slots[i]` is the host that acts for slot i; `undefined` when nobody can. */
  | { readonly type: "duty"; readonly duty: LeaseDuty };

export interface LeaseDuty {
  /** Those that live, this host among them or not. */
  readonly crew: readonly string[];
  readonly slots: readonly (string | undefined)[];
}

interface Colleague {
  /** `open`: its stream is there. */
  state: "dialling" | "open" | "down";
  /** Until then it counts as alive. */
  aliveUntilMs: number;
  /** By its own word; false until it has spoken. */
  canAct: boolean;
  redialAtMs: number;
}

export class LeaseMachine implements Machine<LeaseEvent, LeaseAction> {
  readonly #self: string;
  readonly #slotCount: number;
  readonly #colleagues = new Map<string, Colleague>();
  #crew: readonly string[] = [];
  #subnetId = "";
  #canAct = false;
  #beatAtMs = Infinity;
  /** This host has begun to act, or may when a slot falls to it. */
  #isSettled = false;
  #settleByMs = Infinity;
  #duty: LeaseDuty;

  constructor(self: string, slotCount: number) {
    this.#self = self;
    this.#slotCount = slotCount;
    this.#duty = { crew: [], slots: Array<undefined>(slotCount).fill(undefined) };
  }

  get wakeAtMs(): number {
    let wakeAtMs = this.#colleagues.size > 0 ? this.#beatAtMs : Infinity;
    if (!this.#isSettled) wakeAtMs = Math.min(wakeAtMs, this.#settleByMs);
    for (const one of this.#colleagues.values()) {
      if (one.state === "down") wakeAtMs = Math.min(wakeAtMs, one.redialAtMs);
      if (one.aliveUntilMs !== DEAD) wakeAtMs = Math.min(wakeAtMs, one.aliveUntilMs);
    }
    return wakeAtMs;
  }

  get duty(): LeaseDuty {
    return this.#duty;
  }

  step(event: LeaseEvent | Tick, nowMs: number): readonly LeaseAction[] {
    const actions: LeaseAction[] = [];
    switch (event.type) {
      case "hosts":
        this.#onHosts(event.subnetId, event.hosts, nowMs, actions);
        break;
      case "opened":
        this.#onOpened(event.host, nowMs);
        actions.push({ type: "beat", host: event.host });
        break;
      case "heard":
        this.#onHeard(event.host, event.canAct, nowMs);
        break;
      case "broke":
        this.#onBroke(event.host, nowMs);
        break;
      case "able":
        this.#canAct = event.canAct;
        for (const host of this.#open()) actions.push({ type: "beat", host });
        break;
      case "tick":
        this.#onTick(nowMs, actions);
    }
    this.#assign(nowMs, actions);
    return actions;
  }

  #onHosts(
    subnetId: string,
    hosts: readonly string[],
    nowMs: number,
    actions: LeaseAction[],
  ): void {
    if (subnetId !== this.#subnetId) {
      this.#isSettled = false;
      this.#settleByMs = Infinity;
    }
    this.#subnetId = subnetId;
    this.#crew = rankHosts(subnetId, hosts).slice(0, CREW_MAX);
    const isMember = this.#crew.includes(this.#self);
    const others = isMember ? this.#crew.filter((host) => host !== this.#self) : [];
    for (const host of [...this.#colleagues.keys()]) {
      if (others.includes(host)) continue;
      this.#colleagues.delete(host);
      actions.push({ type: "drop", host });
    }
    for (const host of others) {
      if (this.#colleagues.has(host)) continue;
      const redialAtMs = nowMs + REDIAL_MS;
      const aliveUntilMs = nowMs + GREETING_MS;
      this.#colleagues.set(host, { state: "dialling", aliveUntilMs, canAct: false, redialAtMs });
      actions.push({ type: "dial", host });
    }
    if (this.#beatAtMs === Infinity) this.#beatAtMs = nowMs + BEAT_MS;
  }

  #onOpened(host: string, nowMs: number): void {
    const one = this.#colleagues.get(host);
    if (one === undefined) return;
    one.state = "open";
    // Nothing was heard yet: it keeps what is left of its greeting time.
    if (one.aliveUntilMs === DEAD) one.aliveUntilMs = nowMs + DEAD_MS;
  }

  #onHeard(host: string, canAct: boolean, nowMs: number): void {
    const one = this.#colleagues.get(host);
    if (one === undefined) return;
    one.state = "open";
    one.canAct = canAct;
    one.aliveUntilMs = nowMs + DEAD_MS;
  }

  #onBroke(host: string, nowMs: number): void {
    const one = this.#colleagues.get(host);
    if (one === undefined) return;
    one.state = "down";
    one.aliveUntilMs = DEAD;
    one.redialAtMs = nowMs + REDIAL_MS;
  }

  #onTick(nowMs: number, actions: LeaseAction[]): void {
    if (nowMs >= this.#beatAtMs) {
      this.#beatAtMs = nowMs + BEAT_MS;
      for (const host of this.#open()) actions.push({ type: "beat", host });
    }
    for (const [host, one] of this.#colleagues) {
      if (one.aliveUntilMs !== DEAD && nowMs >= one.aliveUntilMs) {
        one.aliveUntilMs = DEAD;
        one.state = "down";
        one.redialAtMs = nowMs + REDIAL_MS;
        actions.push({ type: "drop", host });
      }
      if (one.state !== "down" || nowMs < one.redialAtMs) continue;
      one.state = "dialling";
      one.redialAtMs = nowMs + REDIAL_MS;
      actions.push({ type: "dial", host });
    }
  }

  /** Divides the slots among those that live and can act. */
  #assign(nowMs: number, actions: LeaseAction[]): void {
    const crew = this.#crew.filter((host) => host === this.#self || this.#isAlive(host, nowMs));
    this.#settle(nowMs);
    const able = crew.filter((host) =>
      host === this.#self
        ? this.#canAct && this.#isSettled
        : this.#colleagues.get(host)?.canAct !== false,
    );
    const slots = Array.from(
      { length: this.#slotCount },
      (_, slot) => rankHosts(`${this.#subnetId}/${slot}`, able)[0],
    );
    const duty = { crew, slots };
    if (JSON.stringify(duty) === JSON.stringify(this.#duty)) return;
    this.#duty = duty;
    actions.push({ type: "duty", duty });
  }

  #settle(nowMs: number): void {
    if (!this.#canAct || !this.#crew.includes(this.#self)) {
      this.#isSettled = false;
      this.#settleByMs = Infinity;
      return;
    }
    if (this.#settleByMs === Infinity) this.#settleByMs = nowMs + SETTLE_MS;
    const others = [...this.#colleagues.values()].filter((one) => one.aliveUntilMs > nowMs);
    if (nowMs >= this.#settleByMs || others.every((one) => one.canAct)) this.#isSettled = true;
  }

  /** Who is no member itself keeps no streams, and takes the crew for alive. */
  #isAlive(host: string, nowMs: number): boolean {
    if (!this.#crew.includes(this.#self)) return true;
    const one = this.#colleagues.get(host);
    return one !== undefined && one.aliveUntilMs > nowMs;
  }

  #open(): readonly string[] {
    return [...this.#colleagues].filter(([, one]) => one.state === "open").map(([host]) => host);
  }
}
