import { describe, expect, it } from "vitest";
import { sleep } from "../../../platform/timers.ts";
import { HostTime } from "../../../sim/overlay/host-time.ts";
import { settle } from "../../../sim/overlay/io/settle.ts";
import { Scheduler } from "../../../sim/overlay/scheduler.ts";
import { Trace } from "../../../sim/overlay/trace.ts";

describe("the scheduler", () => {
  it("runs what is due in order, and of one moment what came first first", async () => {
    const scheduler = new Scheduler(settle);
    const seen: string[] = [];
    for (const [name, ms] of [
      ["c", 30],
      ["a", 10],
      ["b1", 20],
      ["b2", 20],
    ] as const)
      scheduler.after(ms, () => seen.push(`${name} ${scheduler.nowMs}`));
    scheduler.after(15, () => seen.push("never")).cancel();
    await scheduler.runUntil(25);
    expect(seen).toEqual(["a 10", "b1 20", "b2 20"]);
    expect(scheduler.nowMs).toBe(25);
  });

  it("lets promises settle before the next event", async () => {
    const scheduler = new Scheduler(settle);
    const seen: string[] = [];
    scheduler.after(1, () => {
      void (async () => {
        for (let i = 0; i < 50; i++) await Promise.resolve();
        seen.push("settled");
      })();
    });
    scheduler.after(1, () => seen.push("next"));
    await scheduler.runUntil(2);
    expect(seen).toEqual(["settled", "next"]);
  });
});

describe("a host's time", () => {
  it("runs at its own pace, and its timers by it", async () => {
    const scheduler = new Scheduler(settle);
    const time = new HostTime(scheduler, { aheadMs: 5_000, gain: 0.1 }, 700);
    let wokenMs = 0;
    void sleep(time, 1_100).then(() => (wokenMs = scheduler.nowMs));
    await scheduler.runUntil(2_000);
    expect(wokenMs).toBeCloseTo(1_000);
    expect(time.monotonicMs()).toBeCloseTo(700 + 2_200);
  });

  it("ends with its process: no timer fires any more", async () => {
    const scheduler = new Scheduler(settle);
    const time = new HostTime(scheduler, { aheadMs: 0, gain: 0 }, 0);
    let fired = 0;
    time.every(10, () => fired++);
    const signal = time.signalAfter(50);
    await scheduler.runUntil(35);
    time.end();
    await scheduler.runUntil(100);
    expect(fired).toBe(3);
    expect(signal.aborted).toBe(false);
  });
});

describe("a paused host", () => {
  it("does when it goes on what happened meanwhile, in that order, and not what was cancelled", async () => {
    const scheduler = new Scheduler(settle);
    const time = new HostTime(scheduler, { aheadMs: 0, gain: 0 }, 0);
    const seen: string[] = [];
    const note = (what: string) => (): void => void seen.push(`${what} ${scheduler.nowMs}`);
    const cancelled = time.after(20, note("cancelled"));
    time.after(10, () => cancelled.cancel());
    time.after(15, note("timer"));
    time.pause();
    scheduler.after(30, () => time.whenRunning(note("frame")));
    await scheduler.runUntil(100);
    expect(seen).toEqual([]);
    expect([time.isPaused, time.monotonicMs()]).toEqual([true, 100]);
    time.resume();
    await scheduler.runUntil(200);
    expect(seen).toEqual(["timer 100", "frame 100"]);
  });
});

describe("a trace", () => {
  it("hashes time, text and bytes", () => {
    const hashOf = (...notes: Parameters<Trace["note"]>[]): string => {
      const trace = new Trace(false);
      for (const note of notes) trace.note(...note);
      return trace.hash;
    };
    const hashes = [
      hashOf([1, "a"]),
      hashOf([2, "a"]),
      hashOf([1, "b"]),
      hashOf([1, "a", Uint8Array.of(1)]),
      hashOf([1, "a", Uint8Array.of(2)]),
      hashOf([1, "a"], [1, "b"]),
      hashOf([1, "b"], [1, "a"]),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hashOf([1, "a"])).toBe(hashes[0]);
    expect(hashes[0]).toMatch(/^[0-9a-f]{16}$/);
  });
});
