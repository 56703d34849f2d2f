/**
 * A lease inside the subnet: who acts for it, at most three hosts, its crew, each for some of n slots.
 *
 * All hosts know who lives in the subnet, so all pick the same three. These keep a stream to each other
 * with a beat on it. Who is silent for `DEAD_MS`, or whose stream breaks, no longer acts; the others
 * divide its slots at once.
 *
 * **Epochs.** Who was silent may live all the same: paused, asleep or cut off, it holds its slots still and
 * knows nothing of what happened in them. So whoever takes a slot does so under an epoch above all that it has heard of, and
 * says so in each frame. What a host tells of a slot counts only while it holds that under the highest epoch heard
 * (`counts`). A holder that hears of a higher one is a stale holder: it stops acting. Whoever is first by rank takes
 * the slot from its holder, again with a higher epoch, once it was told all that the holder knows; where nobody holds a
 * slot, whoever was told of it under the highest epoch takes it before any host that was told less.
 *
 * Who wakes up takes its colleagues for dead, though it was itself that said and heard nothing, and would take their
 * slots with what it knew before. So after an absence (its beat is long overdue, or it is told that the machine
 * slept) it takes no slot of a silent host until all have spoken, or had the time to. Likewise who comes into a subnet
 * is its only host for a moment, as far as it knows: it takes slots under epochs of round 0, below all that others have.
 *
 * Epochs live in memory, as long as any host of the crew that heard of them. When all restart at once they begin
 * at 0: nobody is left then that knows anything, and so no stale holder. In another subnet slots are other ones
 * and their epochs begin anew; a colleague that follows there a moment later may still say those of the former
 * subnet, which makes the numbers higher and nothing else. Whoever says no epochs is of a former version: it acts by
 * rank alone and what it tells counts, as all did then.
 *
 * Who begins knows nothing yet of what the others do in their slots, and would do it otherwise. So it acts once each
 * colleague that lives has spoken and can act too: hosts that come together begin together. Two hosts
 * may still disagree for a moment and both act.
 */
import type { Machine, Tick } from "../../platform/machine.ts";
import { rankHosts } from "./rendezvous.ts";
import { SlotBook, type SlotWord } from "./slot-book.ts";

export const CREW_MAX = 3;
export const BEAT_MS = 400;
export const DEAD_MS = 1200;
/** How long a new colleague is believed to live before it has said a word. */
const GREETING_MS = 2000;
/** How long who begins waits for colleagues that live and cannot act yet. */
export const SETTLE_MS = 3000;
/** A beat that is overdue by so much: the others took this host for dead meanwhile. */
const ABSENT_MS = DEAD_MS - BEAT_MS;
/** How long who comes into a subnet may take itself for its only host. */
const NEW_MS = 10_000;
/** Between two tries to reach a colleague that did not answer. */
const REDIAL_MS = 1000;

/** As the moment until which a colleague lives. */
const DEAD = -Infinity;

export type LeaseEvent =
  /** Live hosts of the subnet, this one among them; none while there is no subnet. */
  | { readonly type: "hosts"; readonly subnetId: string; readonly hosts: readonly string[] }
  | HeardFrame
  | { readonly type: "opened"; readonly host: string }
  /** The stream broke, or could not be opened. */
  | { readonly type: "broke"; readonly host: string }
  /** Whether this host has what it takes to act, such as multicast DNS. */
  | { readonly type: "able"; readonly canAct: boolean }
  /** The machine slept, and its monotonic clock with it. */
  | { readonly type: "woke" };

/** A frame came. */
export interface HeardFrame {
  readonly type: "heard";
  readonly host: string;
  readonly canAct: boolean;
  /** One of each slot; none from a former version. */
  readonly words: readonly SlotWord[];
  /** A beat: what its sender knew of its slots it has told on this stream before. */
  readonly isBeat: boolean;
}

export type LeaseAction =
  | { readonly type: "dial"; readonly host: string }
  /** To be said after all that is known of the slots held, and after what a `duty` before it has to tell. */
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
  /** What it said last on its present stream. */
  words: readonly SlotWord[] | undefined;
  redialAtMs: number;
}

export class LeaseMachine implements Machine<LeaseEvent, LeaseAction> {
  readonly #self: string;
  readonly #slotCount: number;
  readonly #book: SlotBook;
  readonly #colleagues = new Map<string, Colleague>();
  #crew: readonly string[] = [];
  /** The crew as it ranks for each slot. */
  #ranks: readonly (readonly string[])[] = [];
  #subnetId = "";
  #canAct = false;
  #beatAtMs = Infinity;
  /** This host has begun to act, or may when a slot falls to it. */
  #isSettled = false;
  #settleByMs = Infinity;
  /** Colleagues not heard since this host was absent, and until when they are waited for. */
  readonly #unheard = new Set<string>();
  #unheardUntilMs = -Infinity;
  /** Until then this host is new in the subnet; Infinity in none. */
  #newUntilMs = Infinity;
  #duty: LeaseDuty;

  constructor(self: string, slotCount: number) {
    this.#self = self;
    this.#slotCount = slotCount;
    this.#book = new SlotBook(self, slotCount);
    this.#duty = { crew: [], slots: Array<undefined>(slotCount).fill(undefined) };
  }

  get wakeAtMs(): number {
    let wakeAtMs = this.#colleagues.size > 0 ? this.#beatAtMs : Infinity;
    if (!this.#isSettled) wakeAtMs = Math.min(wakeAtMs, this.#settleByMs);
    if (this.#book.words().some(({ isHeld }, slot) => isHeld && this.#book.isProvisional(slot)))
      wakeAtMs = Math.min(wakeAtMs, this.#newUntilMs);
    if (this.#unheard.size > 0) wakeAtMs = Math.min(wakeAtMs, this.#unheardUntilMs);
    for (const one of this.#colleagues.values()) {
      if (one.state === "down") wakeAtMs = Math.min(wakeAtMs, one.redialAtMs);
      if (one.aliveUntilMs !== DEAD) wakeAtMs = Math.min(wakeAtMs, one.aliveUntilMs);
    }
    return wakeAtMs;
  }

  get duty(): LeaseDuty {
    return this.#duty;
  }

  /** What this host says of each slot in every frame. */
  get words(): readonly SlotWord[] {
    const words = this.#book.words();
    // Who was away may not take a slot yet, and keeps nobody from taking it.
    return this.#unheard.size === 0 ? words : words.map((word) => ({ ...word, toldEpoch: 0 }));
  }

  /** Whether what that host tells of a slot is the newest word on it. */
  counts(host: string, slot: number): boolean {
    return this.#hasNoEpochs(host) || this.#book.holder(slot) === host;
  }

  step(event: LeaseEvent | Tick, nowMs: number): readonly LeaseAction[] {
    const actions: LeaseAction[] = [];
    const beats = new Set<string>();
    const before = JSON.stringify(this.words);
    if (nowMs - this.#beatAtMs > ABSENT_MS) this.#onAbsence(nowMs);
    switch (event.type) {
      case "hosts":
        this.#onHosts(event.subnetId, event.hosts, nowMs, actions);
        break;
      case "opened":
        this.#onOpened(event.host, nowMs);
        beats.add(event.host);
        break;
      case "heard":
        this.#onHeard(event, nowMs);
        break;
      case "broke":
        this.#onBroke(event.host, nowMs);
        break;
      case "woke":
        this.#onAbsence(nowMs);
        break;
      case "able":
        this.#canAct = event.canAct;
        for (const host of this.#open()) beats.add(host);
        break;
      case "tick":
        this.#onTick(nowMs, actions, beats);
    }
    this.#assign(nowMs, actions);
    if (JSON.stringify(this.words) !== before) for (const host of this.#open()) beats.add(host);
    for (const host of beats) actions.push({ type: "beat", host });
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
      this.#book.clear();
      // What they said was of slots of the former one.
      for (const one of this.#colleagues.values()) one.words = undefined;
      this.#newUntilMs = subnetId === "" ? Infinity : nowMs + NEW_MS;
    }
    this.#rank(subnetId, rankHosts(subnetId, hosts).slice(0, CREW_MAX));
    const others = this.#isMember ? this.#crew.filter((host) => host !== this.#self) : [];
    for (const host of [...this.#colleagues.keys()]) {
      if (others.includes(host)) continue;
      this.#colleagues.delete(host);
      this.#unheard.delete(host);
      actions.push({ type: "drop", host });
    }
    for (const host of others) {
      if (this.#colleagues.has(host)) continue;
      const redialAtMs = nowMs + REDIAL_MS;
      const aliveUntilMs = nowMs + GREETING_MS;
      this.#colleagues.set(host, {
        ...{ state: "dialling", aliveUntilMs, canAct: false, words: undefined, redialAtMs },
      });
      actions.push({ type: "dial", host });
    }
    if (this.#colleagues.size === 0) this.#beatAtMs = Infinity;
    else if (this.#beatAtMs === Infinity) this.#beatAtMs = nowMs + BEAT_MS;
  }

  #rank(subnetId: string, crew: readonly string[]): void {
    if (subnetId === this.#subnetId && crew.join() === this.#crew.join()) return;
    this.#subnetId = subnetId;
    this.#crew = crew;
    this.#ranks = Array.from({ length: this.#slotCount }, (_, slot) =>
      rankHosts(`${subnetId}/${slot}`, crew),
    );
  }

  #onOpened(host: string, nowMs: number): void {
    const one = this.#colleagues.get(host);
    if (one === undefined) return;
    one.state = "open";
    one.words = undefined;
    // Nothing was heard yet: it keeps what is left of its greeting time.
    if (one.aliveUntilMs === DEAD) one.aliveUntilMs = nowMs + DEAD_MS;
  }

  #onHeard({ host, canAct, words, isBeat }: HeardFrame, nowMs: number): void {
    const one = this.#colleagues.get(host);
    if (one === undefined) return;
    one.state = "open";
    one.canAct = canAct;
    one.words = words;
    one.aliveUntilMs = nowMs + DEAD_MS;
    this.#unheard.delete(host);
    this.#book.hear(host, words, isBeat);
  }

  #onBroke(host: string, nowMs: number): void {
    const one = this.#colleagues.get(host);
    if (one === undefined) return;
    one.state = "down";
    one.aliveUntilMs = DEAD;
    one.redialAtMs = nowMs + REDIAL_MS;
  }

  #onAbsence(nowMs: number): void {
    for (const host of this.#colleagues.keys()) this.#unheard.add(host);
    this.#unheardUntilMs = nowMs + SETTLE_MS;
    if (this.#beatAtMs < nowMs) this.#beatAtMs = nowMs;
  }

  #onTick(nowMs: number, actions: LeaseAction[], beats: Set<string>): void {
    if (nowMs >= this.#beatAtMs) {
      this.#beatAtMs = nowMs + BEAT_MS;
      for (const host of this.#open()) beats.add(host);
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
    if (nowMs >= this.#unheardUntilMs) this.#unheard.clear();
    const able = crew.filter((host) =>
      host === this.#self
        ? this.#canAct && this.#isSettled
        : this.#colleagues.get(host)?.canAct !== false,
    );
    const slots = Array.from({ length: this.#slotCount }, (_, slot) =>
      this.#settleSlot(slot, able, nowMs),
    );
    const duty = { crew, slots };
    if (JSON.stringify(duty) === JSON.stringify(this.#duty)) return;
    this.#duty = duty;
    actions.push({ type: "duty", duty });
  }

  /**
   * Takes a slot, lets go of it, or neither. @returns who acts for it, as far as this host knows
   *
   * @param able those that live and can act, this host among them if it may
   */
  #settleSlot(slot: number, able: readonly string[], nowMs: number): string | undefined {
    const book = this.#book;
    const firstOf = (hosts: readonly string[]): string | undefined =>
      this.#ranks[slot]?.find((host) => hosts.includes(host));
    const first = firstOf(able);
    const isByRank = first === undefined || this.#hasNoEpochs(first) || !this.#isMember;
    // Who holds what another is first for goes on until that one takes it.
    if (isByRank || !able.includes(this.#self)) book.release(slot);
    if (isByRank) return first;
    const holder = book.holder(slot);
    const isHeld = holder !== undefined && able.includes(holder);
    const taker = isHeld ? holder : firstOf(this.#bestTold(slot, able));
    const mayTake = isHeld
      ? first === this.#self && book.isUpToDate(slot)
      : taker === this.#self && this.#unheard.size === 0;
    const isNew = nowMs < this.#newUntilMs;
    if (holder === this.#self && (isNew || !book.isProvisional(slot))) return holder;
    if (!mayTake && holder !== this.#self) return taker === this.#self ? undefined : taker;
    book.take(slot, isNew);
    return this.#self;
  }

  /** Those that were told of the slot under the highest epoch. */
  #bestTold(slot: number, able: readonly string[]): readonly string[] {
    const toldOf = (host: string): number =>
      host === this.#self
        ? this.#book.toldEpoch(slot)
        : (this.#colleagues.get(host)?.words?.[slot]?.toldEpoch ?? 0);
    const best = Math.max(...able.map(toldOf));
    return able.filter((host) => toldOf(host) === best);
  }

  /** It is of a former version. */
  #hasNoEpochs(host: string): boolean {
    return this.#colleagues.get(host)?.words?.length === 0;
  }

  get #isMember(): boolean {
    return this.#crew.includes(this.#self);
  }

  #settle(nowMs: number): void {
    if (!this.#canAct || !this.#isMember) {
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
    if (!this.#isMember) return true;
    const one = this.#colleagues.get(host);
    return one !== undefined && one.aliveUntilMs > nowMs;
  }

  #open(): readonly string[] {
    return [...this.#colleagues].filter(([, one]) => one.state === "open").map(([host]) => host);
  }
}
