import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createDriver } from "../../platform/io/driver.ts";
import { createSystemClock } from "../../platform/io/system-clock.ts";
import type { Machine, Tick } from "../../platform/machine.ts";

type Event = { readonly type: "say"; readonly word: string };

/** Repeats what it hears, and notes when it was ticked. */
class Echo implements Machine<Event, string> {
  wakeAtMs = Infinity;
  readonly heard: string[] = [];
  readonly tickedAtMs: number[] = [];
  isInside = false;

  step(event: Event | Tick, nowMs: number): readonly string[] {
    expect(this.isInside).toBe(false);
    if (event.type === "tick") {
      this.tickedAtMs.push(nowMs);
      if (nowMs >= this.wakeAtMs) this.wakeAtMs = Infinity;
      return ["ticked"];
    }
    this.heard.push(event.word);
    return [`${event.word}!`, `${event.word}?`];
  }
}

const clock = createSystemClock();

describe("createDriver", () => {
  it("performs the actions of an event at once and in order", () => {
    const machine = new Echo();
    const performed: string[] = [];
    const driver = createDriver(machine, clock, (action) => performed.push(action));
    driver.feed({ type: "say", word: "a" });
    expect(performed).toEqual(["a!", "a?"]);
    driver.stop();
  });

  it("holds back an event fed by an action until all actions of the present one are done", () => {
    const machine = new Echo();
    const performed: string[] = [];
    const driver = createDriver(machine, clock, (action) => {
      machine.isInside = true;
      performed.push(action);
      machine.isInside = false;
      if (action === "a!") driver.feed({ type: "say", word: "b" });
      if (action === "b!") driver.feed({ type: "say", word: "c" });
    });
    driver.feed({ type: "say", word: "a" });
    expect(performed).toEqual(["a!", "a?", "b!", "b?", "c!", "c?"]);
    driver.stop();
  });

  it("ticks at the time that the machine names, never early, and once", async () => {
    const machine = new Echo();
    const wakeAtMs = clock.monotonicMs() + 40;
    machine.wakeAtMs = wakeAtMs;
    const driver = createDriver(machine, clock, () => {});
    await sleep(120);
    expect(machine.tickedAtMs).toHaveLength(1);
    expect(machine.tickedAtMs[0]).toBeGreaterThanOrEqual(wakeAtMs);
    driver.stop();
  });

  it("follows a wake-up that an event moved", async () => {
    const machine = new Echo();
    const driver = createDriver(machine, clock, () => {});
    machine.wakeAtMs = clock.monotonicMs() + 20;
    await sleep(40);
    expect(machine.tickedAtMs).toEqual([]); // nothing told the driver of it
    driver.feed({ type: "say", word: "look" });
    await sleep(20);
    expect(machine.tickedAtMs).toHaveLength(1);
    driver.stop();
  });

  it("waits for a wake-up further off than a timer reaches", async () => {
    const machine = new Echo();
    machine.wakeAtMs = clock.monotonicMs() + 2 ** 33;
    const driver = createDriver(machine, clock, () => {});
    await sleep(20); // a longer timer would be turned into 1 ms
    expect(machine.tickedAtMs).toEqual([]);
    driver.stop();
  });

  it("does nothing more once stopped, not even what is queued", async () => {
    const machine = new Echo();
    machine.wakeAtMs = clock.monotonicMs() + 10;
    const driver = createDriver(machine, clock, () => {});
    driver.stop();
    driver.feed({ type: "say", word: "late" });
    await sleep(30);
    expect(machine.heard).toEqual([]);
    expect(machine.tickedAtMs).toEqual([]);
  });

  it("goes on after an action that threw", () => {
    const machine = new Echo();
    const driver = createDriver(machine, clock, (action) => {
      if (action === "bad!") throw new Error("performing failed");
    });
    expect(() => driver.feed({ type: "say", word: "bad" })).toThrow("performing failed");
    driver.feed({ type: "say", word: "good" });
    expect(machine.heard).toEqual(["bad", "good"]);
    driver.stop();
  });
});
