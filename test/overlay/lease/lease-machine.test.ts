import { describe, expect, it } from "vitest";
import {
  BEAT_MS,
  LeaseMachine,
  DEAD_MS,
  SETTLE_MS,
  type LeaseAction,
  type LeaseEvent,
} from "../../../overlay/lease/lease-machine.ts";

const SLOTS = 4;
const HOSTS = ["a", "b", "c", "d", "e"];

/** Machines of several hosts whose streams work as long as both live. */
class Crew {
  nowMs = 0;
  readonly machines = new Map<string, LeaseMachine>();
  readonly dead = new Set<string>();
  /** Lives and says nothing. */
  readonly frozen = new Set<string>();

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

  #do(host: string, action: LeaseAction): void {
    if (action.type === "dial") {
      if (this.dead.has(action.host)) this.feed(host, { type: "broke", host: action.host });
      else this.feed(host, { type: "opened", host: action.host });
    }
    if (action.type === "beat" && !this.dead.has(action.host) && !this.frozen.has(host))
      this.feed(action.host, { type: "heard", host, canAct: true });
  }
}

/** A host that can act, and has heard nobody yet. */
function beginner(self: string, hosts: readonly string[]): LeaseMachine {
  const machine = new LeaseMachine(self, SLOTS);
  machine.step({ type: "able", canAct: true }, 0);
  machine.step({ type: "hosts", subnetId: "subnet", hosts }, 0);
  return machine;
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
    crew.feed("b", { type: "heard", host: "a", canAct: false });
    expect(new Set(crew.slots("b"))).toEqual(new Set(["b"]));
  });

  it("waits for a colleague that has not spoken yet, then does without it", () => {
    const machine = beginner("a", ["a", "b", "c"]);
    expect(new Set(machine.duty.slots)).toEqual(new Set([undefined]));
    for (let nowMs = 0; nowMs <= 2500; nowMs += 50)
      if (machine.wakeAtMs <= nowMs) machine.step({ type: "tick" }, nowMs);
    expect(new Set(machine.duty.slots)).toEqual(new Set(["a"]));
  });

  it("begins with colleagues that are about to have multicast DNS, and not for ever later", () => {
    const machine = beginner("a", ["a", "b"]);
    const speak = (canAct: boolean, nowMs: number): void =>
      void machine.step({ type: "heard", host: "b", canAct }, nowMs);
    for (let nowMs = 0; nowMs < SETTLE_MS; nowMs += BEAT_MS) speak(false, nowMs);
    expect(new Set(machine.duty.slots)).toEqual(new Set([undefined]));
    speak(false, SETTLE_MS);
    expect(new Set(machine.duty.slots)).toEqual(new Set(["a"]));
    speak(true, SETTLE_MS + BEAT_MS);
    expect(new Set(machine.duty.slots)).toEqual(new Set(["a", "b"]));
  });

  it("gives no slot to who comes until that has spoken, and stops for nobody", () => {
    const machine = beginner("a", ["a", "b"]);
    machine.step({ type: "heard", host: "b", canAct: true }, 10);
    const before = machine.duty.slots;
    expect(new Set(before)).toEqual(new Set(["a", "b"]));
    machine.step({ type: "hosts", subnetId: "subnet", hosts: ["a", "b", "c"] }, 20);
    expect(machine.duty.slots).toEqual(before);
    machine.step({ type: "heard", host: "c", canAct: false }, 30);
    expect(machine.duty.slots).toEqual(before);
    machine.step({ type: "heard", host: "c", canAct: true }, 40);
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
