import { describe, expect, it } from "vitest";
import {
  BEAT_MS,
  LeaseMachine,
  DEAD_MS,
  SETTLE_MS,
  type LeaseAction,
  type LeaseEvent,
} from "../../../overlay/lease/lease-machine.ts";
import type { SlotWord } from "../../../overlay/lease/slot-book.ts";

const SLOTS = 4;
const HOSTS = ["a", "b", "c", "d", "e"];
/** A frame of a former version. */
const SAID = { type: "heard", canAct: true, words: [], isBeat: true } as const;

/** Machines of several hosts whose streams work as long as both live. */
class Crew {
  nowMs = 0;
  readonly machines = new Map<string, LeaseMachine>();
  readonly dead = new Set<string>();
  /** Lives, says nothing and hears nothing. */
  readonly frozen = new Set<string>();
  /** Cannot act. */
  readonly unable = new Set<string>();

  constructor(hosts: readonly string[]) {
    for (const host of hosts) this.machines.set(host, new LeaseMachine(host, SLOTS));
    for (const host of hosts) {
      this.feed(host, { type: "able", canAct: true });
      this.feed(host, { type: "hosts", subnetId: "subnet", hosts });
    }
  }

  feed(host: string, event: LeaseEvent | { readonly type: "tick" }): void {
    if (this.dead.has(host)) return;
    for (const action of this.machines.get(host)!.step(event, this.nowMs)) this.#do(host, action);
  }

  run(forMs: number): void {
    for (const endMs = this.nowMs + forMs; this.nowMs < endMs; this.nowMs += 50)
      for (const [host, machine] of this.machines)
        if (!this.frozen.has(host) && machine.wakeAtMs <= this.nowMs)
          this.feed(host, { type: "tick" });
  }

  kill(host: string): void {
    this.dead.add(host);
    for (const other of this.machines.keys()) this.feed(other, { type: "broke", host });
  }

  slots(host: string): readonly (string | undefined)[] {
    return this.machines.get(host)!.duty.slots;
  }

  #hears(host: string): boolean {
    return !this.dead.has(host) && !this.frozen.has(host);
  }

  #do(host: string, action: LeaseAction): void {
    if (action.type === "dial") {
      if (!this.#hears(action.host)) this.feed(host, { type: "broke", host: action.host });
      else this.feed(host, { type: "opened", host: action.host });
    }
    if (action.type === "beat" && this.#hears(action.host) && !this.frozen.has(host))
      this.feed(action.host, {
        ...{ type: "heard", host, canAct: !this.unable.has(host), isBeat: true },
        words: this.machines.get(host)!.words,
      });
  }
}

/** A host that can act, and has heard nobody yet. */
function beginner(self: string, hosts: readonly string[]): LeaseMachine {
  const machine = new LeaseMachine(self, SLOTS);
  machine.step({ type: "able", canAct: true }, 0);
  machine.step({ type: "hosts", subnetId: "subnet", hosts }, 0);
  return machine;
}

/** Ticks when they are due. */
function wait(machine: LeaseMachine, fromMs: number, toMs: number): void {
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 50)
    if (machine.wakeAtMs <= nowMs) machine.step({ type: "tick" }, nowMs);
}

describe("a crew", () => {
  it("is three of five hosts, the same for all, and each slot has one of them", () => {
    const crew = new Crew(HOSTS);
    crew.run(3000);
    const [first] = HOSTS.map((host) => crew.slots(host));
    for (const host of HOSTS) expect(crew.slots(host)).toEqual(first);
    const duty = crew.machines.get("a")!.duty;
    expect(duty.crew.length).toBe(3);
    expect(duty.slots.every((host) => host !== undefined && duty.crew.includes(host))).toBe(true);
  });

  it("divides the slots of a host anew at once when its stream breaks, and no others", () => {
    const crew = new Crew(["a", "b", "c"]);
    crew.run(3000);
    const before = crew.slots("a");
    const victim = before[0]!;
    crew.kill(victim);
    const [one] = ["a", "b", "c"].filter((host) => host !== victim);
    const after = crew.slots(one!);
    expect(after).not.toContain(victim);
    for (const [slot, host] of before.entries())
      if (host !== victim) expect(after[slot]).toBe(host);
  });

  it("takes a silent host for dead after 1.2 s, and back when it speaks", () => {
    const crew = new Crew(["a", "b", "c"]);
    crew.run(3000);
    const victim = crew.slots("a")[0]!;
    const [one] = ["a", "b", "c"].filter((host) => host !== victim);
    crew.frozen.add(victim);
    crew.run(DEAD_MS - BEAT_MS - 100);
    expect(crew.slots(one!)).toContain(victim);
    crew.run(BEAT_MS + 300);
    expect(crew.slots(one!)).not.toContain(victim);
    crew.frozen.delete(victim);
    crew.run(3000);
    expect(crew.slots(one!)).toContain(victim);
  });

  it("goes on looking for a colleague that could not be reached at first", () => {
    const crew = new Crew(["a", "b"]);
    crew.kill("b");
    crew.run(3000);
    expect(new Set(crew.slots("a"))).toEqual(new Set(["a"]));
    crew.dead.clear();
    crew.run(2500);
    expect(new Set(crew.slots("a")).size).toBe(2);
  });

  it("gives no slot to a host without multicast DNS", () => {
    const crew = new Crew(["a", "b"]);
    crew.run(1000);
    crew.unable.add("a");
    crew.feed("a", { type: "able", canAct: false });
    expect(new Set(crew.slots("b"))).toEqual(new Set(["b"]));
  });

  it("waits for a colleague that has not spoken yet, then does without it", () => {
    const machine = beginner("a", ["a", "b", "c"]);
    expect(new Set(machine.duty.slots)).toEqual(new Set([undefined]));
    wait(machine, 0, 2500);
    expect(new Set(machine.duty.slots)).toEqual(new Set(["a"]));
  });

  it("begins with colleagues that are about to have multicast DNS, and not for ever later", () => {
    const machine = beginner("a", ["a", "b"]);
    const speak = (canAct: boolean, nowMs: number): void =>
      void machine.step({ ...SAID, host: "b", canAct }, nowMs);
    for (let nowMs = 0; nowMs < SETTLE_MS; nowMs += BEAT_MS) speak(false, nowMs);
    expect(new Set(machine.duty.slots)).toEqual(new Set([undefined]));
    speak(false, SETTLE_MS);
    expect(new Set(machine.duty.slots)).toEqual(new Set(["a"]));
    speak(true, SETTLE_MS + BEAT_MS);
    expect(new Set(machine.duty.slots)).toEqual(new Set(["a", "b"]));
  });

  it("gives no slot to who comes until that has spoken, and stops for nobody", () => {
    const machine = beginner("a", ["a", "b"]);
    machine.step({ ...SAID, host: "b" }, 10);
    const before = machine.duty.slots;
    expect(new Set(before)).toEqual(new Set(["a", "b"]));
    machine.step({ type: "hosts", subnetId: "subnet", hosts: ["a", "b", "c"] }, 20);
    expect(machine.duty.slots).toEqual(before);
    machine.step({ ...SAID, host: "c", canAct: false }, 30);
    expect(machine.duty.slots).toEqual(before);
    machine.step({ ...SAID, host: "c" }, 40);
    expect(machine.duty.slots).toContain("c");
  });

  it("is nobody while there is no subnet", () => {
    const machine = new LeaseMachine("a", SLOTS);
    machine.step({ type: "able", canAct: true }, 0);
    machine.step({ type: "hosts", subnetId: "", hosts: [] }, 0);
    expect(machine.duty.crew).toEqual([]);
    expect(machine.duty.slots).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe("an epoch", () => {
  const epochAt = (crew: Crew, host: string, slot: number): number =>
    crew.machines.get(host)!.words[slot]!.epoch;

  it("is raised above all heard of by whoever takes a slot, and never the same at two hosts", () => {
    const crew = new Crew(["a", "b", "c"]);
    crew.run(3000);
    const victim = crew.slots("a")[0]!;
    const other = HOSTS.find((host) => host !== victim)!;
    const before = epochAt(crew, other, 0);
    expect(before).toBeGreaterThan(0);
    crew.kill(victim);
    expect(epochAt(crew, other, 0)).toBeGreaterThan(before);
    // Two that cannot hear each other.
    const apart = ["b", "c"].map((host) => beginner(host, ["b", "c"]));
    for (const machine of apart) wait(machine, 0, 5000);
    const epochs = apart.map((machine) => machine.words[0]!.epoch);
    expect(new Set(epochs).size).toBe(2);
  });

  it("lets a stale holder's word count for nothing, and it takes its slots back once it was told", () => {
    const crew = new Crew(["a", "b", "c"]);
    crew.run(3000);
    const stale = crew.slots("a")[0]!;
    const others = ["a", "b", "c"].filter((host) => host !== stale);
    const held = crew.slots(stale);
    crew.frozen.add(stale);
    crew.run(3000);
    const taker = crew.slots(others[0]!)[0]!;
    const machine = crew.machines.get(others.find((host) => host !== taker)!)!;
    expect(machine.counts(taker, 0)).toBe(true);
    expect(machine.counts(stale, 0)).toBe(false);
    // What it says as it wakes up, before it has heard anything, is said under its old epoch.
    const { words } = crew.machines.get(stale)!;
    expect(words[0]!.isHeld).toBe(true);
    machine.step({ ...SAID, host: stale, words }, crew.nowMs);
    expect(machine.counts(stale, 0)).toBe(false);
    crew.frozen.delete(stale);
    crew.run(3000);
    expect(crew.slots(others[0]!)).toEqual(held);
    expect(machine.counts(stale, 0)).toBe(true);
  });

  it("makes a stale holder stop at once, and wait until it was told all before it acts again", () => {
    const machine = beginner("a", ["a", "b"]);
    machine.step({ ...SAID, host: "b", words: wordsOf(0) }, 10);
    const slot = machine.duty.slots.indexOf("a");
    const { epoch } = machine.words[slot]!;
    const taken = wordsOf(epoch + 2 ** 24, true);
    machine.step({ ...SAID, host: "b", words: taken, isBeat: false }, 20);
    expect(machine.duty.slots[slot]).toBe("b");
    expect(machine.counts("b", slot)).toBe(true);
    machine.step({ ...SAID, host: "b", words: taken }, 30);
    expect(machine.duty.slots[slot]).toBe("a");
    expect(machine.words[slot]!.epoch).toBeGreaterThan(epoch + 2 ** 24);
  });

  it("lets whoever was told most take a slot that nobody holds", () => {
    const machine = beginner("a", ["a", "b"]);
    const told = wordsOf(0).map((word) => ({ ...word, epoch: 2 ** 25, toldEpoch: 2 ** 25 }));
    machine.step({ ...SAID, host: "b", words: told }, 10);
    expect(new Set(machine.duty.slots)).toEqual(new Set(["b"]));
    const first = machine.words.map(({ isHeld }) => isHeld);
    expect(first).toEqual([false, false, false, false]);
    machine.step({ type: "broke", host: "b" }, 20);
    expect(new Set(machine.duty.slots)).toEqual(new Set(["a"]));
    expect(machine.words[0]!.epoch).toBeGreaterThan(2 ** 25);
  });

  it.each([
    { how: "its beat is overdue", nowMs: 60_000, events: [] },
    { how: "it is told that it slept", nowMs: 100, events: [{ type: "woke" } as const] },
  ])("is not raised in a silent host's slots by who was away itself: $how", ({ nowMs, events }) => {
    const machine = beginner("a", ["a", "b"]);
    machine.step({ ...SAID, host: "b", words: wordsOf(2 ** 25, true) }, 10);
    const own = machine.duty.slots.filter((host) => host === "a").length;
    expect(own).toBeGreaterThan(0);
    expect(own).toBeLessThan(SLOTS);
    for (const event of events) machine.step(event, nowMs);
    machine.step({ type: "broke", host: "b" }, nowMs);
    expect(machine.words.filter(({ isHeld }) => isHeld).length).toBe(own);
    wait(machine, nowMs, nowMs + SETTLE_MS);
    expect(machine.words.filter(({ isHeld }) => isHeld).length).toBe(SLOTS);
  });

  it("does not keep a host of a former version from its slots, nor from being heard", () => {
    const machine = beginner("a", ["a", "b"]);
    machine.step({ type: "broke", host: "b" }, 10);
    expect(new Set(machine.duty.slots)).toEqual(new Set(["a"]));
    machine.step({ type: "opened", host: "b" }, 20);
    machine.step({ ...SAID, host: "b" }, 30);
    expect(new Set(machine.duty.slots)).toEqual(new Set(["a", "b"]));
    const theirs = machine.duty.slots.indexOf("b");
    expect(machine.words[theirs]!.isHeld).toBe(false);
    expect([0, 1, 2, 3].every((slot) => machine.counts("b", slot))).toBe(true);
  });

  it("of who is new in a subnet is below those of who has been there", () => {
    const [old, fresh] = [beginner("a", ["a"]), beginner("b", ["b"])];
    wait(old, 0, 15_000);
    expect(old.words.every(({ isHeld }) => isHeld)).toBe(true);
    expect(fresh.words.every(({ isHeld }) => isHeld)).toBe(true);
    for (const [slot, { epoch }] of fresh.words.entries())
      expect(epoch).toBeLessThan(old.words[slot]!.epoch);
    // So it yields where it is first, until it was told.
    fresh.step({ type: "hosts", subnetId: "subnet", hosts: ["a", "b"] }, 100);
    fresh.step({ ...SAID, host: "a", words: old.words, isBeat: false }, 110);
    expect(new Set(fresh.duty.slots)).toEqual(new Set(["a"]));
  });

  it("begins anew in another subnet", () => {
    const machine = beginner("a", ["a"]);
    expect(machine.words[0]!.epoch).toBeGreaterThan(0);
    machine.step({ type: "able", canAct: false }, 10);
    machine.step({ type: "hosts", subnetId: "another", hosts: ["a"] }, 20);
    expect(machine.words.map(({ epoch }) => epoch)).toEqual([0, 0, 0, 0]);
  });
});

/** One for each slot. */
function wordsOf(epoch: number, isHeld = false): readonly SlotWord[] {
  return Array.from({ length: SLOTS }, () => ({ epoch, toldEpoch: epoch, isHeld }));
}
