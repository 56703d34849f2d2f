import { describe, expect, it } from "vitest";
import { RuleSyncMachine } from "../../../bridge/rules/sync-machine.ts";
import { createRandom } from "../../../platform/random.ts";

function start() {
  return new RuleSyncMachine(createRandom(1));
}

describe("comparing rules with siblings", () => {
  it("asks each new one at once, and nobody twice at a time", () => {
    const machine = start();
    expect(machine.wakeAtMs).toBe(Infinity);
    expect(machine.step({ type: "siblings", hosts: ["a", "b"] }, 0)).toEqual([
      { type: "compare", host: "a" },
      { type: "compare", host: "b" },
    ]);
    expect(machine.step({ type: "siblings", hosts: ["a", "b", "c"] }, 5)).toEqual([
      { type: "compare", host: "c" },
    ]);
    expect(machine.step({ type: "changed" }, 6)).toEqual([]);
  });

  it("asks again when the rules changed under the comparison", () => {
    const machine = start();
    machine.step({ type: "siblings", hosts: ["a"] }, 0);
    machine.step({ type: "changed" }, 1);
    expect(machine.step({ type: "done", host: "a" }, 2)).toEqual([{ type: "compare", host: "a" }]);
    expect(machine.step({ type: "done", host: "a" }, 3)).toEqual([]);
    expect(machine.step({ type: "changed" }, 4)).toEqual([{ type: "compare", host: "a" }]);
  });

  it("tries a failed one later and later, and not when it is gone", () => {
    const machine = start();
    machine.step({ type: "siblings", hosts: ["a"] }, 0);
    let nowMs = 0;
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) {
      expect(machine.step({ type: "failed", host: "a" }, nowMs)).toEqual([]);
      waits.push(machine.wakeAtMs - nowMs);
      nowMs = machine.wakeAtMs;
      expect(machine.step({ type: "tick" }, nowMs)).toEqual([{ type: "compare", host: "a" }]);
    }
    expect(waits[0]).toBeLessThanOrEqual(1000);
    expect(waits[4]).toBeGreaterThan(4000);
    machine.step({ type: "failed", host: "a" }, nowMs);
    machine.step({ type: "siblings", hosts: [] }, nowMs);
    expect(machine.wakeAtMs).toBe(Infinity);
  });

  it("asks one at random about once a minute when nothing happens", () => {
    const machine = start();
    machine.step({ type: "siblings", hosts: ["a", "b"] }, 0);
    for (const host of ["a", "b"]) machine.step({ type: "done", host }, 1);
    let rounds = 0;
    for (let nowMs = machine.wakeAtMs; nowMs < 3_600_000; nowMs = machine.wakeAtMs) {
      const actions = machine.step({ type: "tick" }, nowMs);
      expect(actions).toHaveLength(1);
      rounds++;
      for (const { host } of actions) machine.step({ type: "done", host }, nowMs);
    }
    expect(rounds).toBeGreaterThan(45);
    expect(rounds).toBeLessThan(80);
  });
});
