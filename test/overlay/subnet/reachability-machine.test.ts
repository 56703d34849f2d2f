import { describe, expect, it } from "vitest";
import {
  ReachabilityMachine,
  type ReachabilityAction,
} from "../../../overlay/subnet/reachability-machine.ts";

const up = (subnetId: string) => ({ type: "neighbour-up", subnetId }) as const;
const no = (subnetId: string) => ({ type: "answer", subnetId, isReached: false }) as const;
const yes = (subnetId: string) => ({ type: "answer", subnetId, isReached: true }) as const;

function asked(actions: readonly ReachabilityAction[]): string[] {
  return actions.flatMap((action) => (action.type === "ask" ? [action.subnetId] : []));
}

/** A machine that two subnets could not dial. */
function unreachable(): ReachabilityMachine {
  const machine = new ReachabilityMachine();
  for (const event of [up("a"), up("b"), no("a"), no("b")]) machine.step(event, 0);
  expect(machine.reach).toBe("unreachable");
  return machine;
}

describe("ReachabilityMachine", () => {
  it("asks two subnets, not more, as soon as it has a channel to them", () => {
    const machine = new ReachabilityMachine();
    expect(asked(machine.step(up("a"), 0))).toEqual(["a"]);
    expect(asked(machine.step(up("b"), 1))).toEqual(["b"]);
    expect(asked(machine.step(up("c"), 2))).toEqual([]);
    expect(machine.reach).toBe("unknown");
  });

  it("believes one that reached it, and two that did not", () => {
    const machine = new ReachabilityMachine();
    machine.step(up("a"), 0);
    machine.step(up("b"), 0);
    expect(machine.step(no("a"), 1)).toEqual([]);
    expect(machine.reach).toBe("unknown");
    expect(machine.step(yes("b"), 2)).toEqual([{ type: "changed", reach: "reachable" }]);
    expect(unreachable().reach).toBe("unreachable");
  });

  it("asks a third when one of two is silent", () => {
    const machine = new ReachabilityMachine();
    for (const subnetId of ["a", "b", "c"]) machine.step(up(subnetId), 0);
    expect(asked(machine.step({ type: "unanswered", subnetId: "a" }, 1))).toEqual(["c"]);
  });

  it("takes the word of a lone witness after two seconds without a second", () => {
    const machine = new ReachabilityMachine();
    machine.step(up("a"), 0);
    machine.step(no("a"), 100);
    expect(machine.wakeAtMs).toBe(2_100);
    expect(machine.step({ type: "tick" }, 2_100)).toEqual([
      { type: "changed", reach: "unreachable" },
    ]);
  });

  it("is proven by whoever dials in, unless others have just failed", () => {
    const fresh = new ReachabilityMachine();
    expect(fresh.step({ type: "dialled" }, 0)).toEqual([{ type: "changed", reach: "reachable" }]);
    // A neighbour behind the same router dials, and nobody else can.
    const machine = unreachable();
    expect(asked(machine.step({ type: "dialled" }, 10))).toEqual(["a", "b"]);
    expect(machine.reach).toBe("unreachable");
    machine.step(no("a"), 20);
    expect(machine.step(no("b"), 21)).toEqual([]);
  });

  it("does not give up being reachable over one bad round", () => {
    const machine = new ReachabilityMachine();
    machine.step(up("a"), 0);
    machine.step(up("b"), 0);
    machine.step(yes("a"), 0);
    const againMs = machine.wakeAtMs;
    expect(againMs).toBe(300_000);
    expect(asked(machine.step({ type: "tick" }, againMs))).toEqual(["a", "b"]);
    machine.step(no("a"), againMs);
    expect(machine.step(no("b"), againMs)).toEqual([]);
    expect(machine.wakeAtMs).toBe(againMs + 10_000);
    machine.step({ type: "tick" }, againMs + 10_000);
    machine.step(no("a"), againMs + 10_001);
    expect(machine.step(no("b"), againMs + 10_001)).toEqual([
      { type: "changed", reach: "unreachable" },
    ]);
  });

  it("asks ever more rarely while nobody reaches it, and at once when its address changes", () => {
    const machine = unreachable();
    expect(machine.wakeAtMs).toBe(30_000);
    machine.step({ type: "tick" }, 30_000);
    machine.step(no("a"), 30_000);
    machine.step(no("b"), 30_000);
    expect(machine.wakeAtMs).toBe(90_000);
    const actions = machine.step({ type: "address-changed" }, 40_000);
    expect(actions[0]).toEqual({ type: "changed", reach: "unknown" });
    expect(asked(actions)).toEqual(["a", "b"]);
  });

  it("forgets a neighbour that went", () => {
    const machine = unreachable();
    machine.step({ type: "neighbour-down", subnetId: "a" }, 1);
    expect(asked(machine.step({ type: "tick" }, 30_000))).toEqual(["b"]);
  });
});
