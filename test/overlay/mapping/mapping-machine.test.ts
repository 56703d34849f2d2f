import { describe, expect, it } from "vitest";
import {
  MappingMachine,
  type Grant,
  type MappingAction,
  type MappingEvent,
} from "../../../overlay/mapping/mapping-machine.ts";

const HOUR_MS = 3_600_000;
const grantOf = (outer: string, lifetimeMs = HOUR_MS): Grant => ({
  protocol: "nat-pmp",
  outer,
  lifetimeMs,
});
const OUTER = "203.0.113.7:20001";

/** Drives a machine; answers carry the turn of the last action that asked. */
class Run {
  readonly machine = new MappingMachine();
  nowMs = 0;
  #turn = 0;

  feed(event: MappingEvent | { readonly type: "tick" }): string[] {
    const actions = this.machine.step(event, this.nowMs);
    for (const action of actions) if ("turn" in action) this.#turn = action.turn;
    return actions.map(({ type }) => type);
  }

  granted(outer = OUTER, lifetimeMs = HOUR_MS): string[] {
    return this.feed({ type: "granted", turn: this.#turn, grant: grantOf(outer, lifetimeMs) });
  }

  refused(reason: string): string[] {
    return this.feed({ type: "refused", turn: this.#turn, reason });
  }

  proof(isReached: boolean | null): string[] {
    return this.feed({ type: "proof", turn: this.#turn, isReached });
  }

  checked(isThere: boolean | null): string[] {
    return this.feed({ type: "checked", turn: this.#turn, isThere });
  }

  /** Goes to when the machine is due next, and ticks. */
  next(): string[] {
    expect(this.machine.wakeAtMs).toBeGreaterThan(this.nowMs);
    this.nowMs = this.machine.wakeAtMs;
    return this.feed({ type: "tick" });
  }

  /** Answers all checks until the machine asks to renew. */
  untilRenewal(): void {
    for (let i = 0; i < 1_000; i++) {
      const actions = this.next();
      if (actions.includes("ask")) return;
      if (actions.includes("check")) this.checked(true);
    }
    throw new Error("never renewed");
  }
}

function proven(lifetimeMs = HOUR_MS): Run {
  const run = new Run();
  expect(run.feed({ type: "wanted" })).toEqual(["ask"]);
  expect(run.granted(OUTER, lifetimeMs)).toEqual(["prove"]);
  expect(run.proof(true)).toEqual(["changed"]);
  expect(run.machine.proven).toBe(OUTER);
  return run;
}

describe("MappingMachine", () => {
  it("asks nothing of the router until it has to", () => {
    const run = new Run();
    expect(run.feed({ type: "unwanted" })).toEqual([]);
    expect(run.machine.wakeAtMs).toBe(Infinity);
    expect(run.feed({ type: "wanted" })).toEqual(["ask"]);
    expect(run.feed({ type: "wanted" })).toEqual([]);
  });

  it("announces nothing on the router's word alone", () => {
    const run = new Run();
    run.feed({ type: "wanted" });
    expect(run.granted()).toEqual(["prove"]);
    expect(run.machine.proven).toBeNull();
    expect(run.machine.grant?.outer).toBe(OUTER);
    expect(run.proof(null)).toEqual([]);
    expect(run.machine.proven).toBeNull();
    expect(run.next()).toEqual(["prove"]);
    expect(run.nowMs).toBe(3_000);
  });

  it("gives back what nobody reaches, rests, and asks for another port", () => {
    const run = new Run();
    run.feed({ type: "wanted" });
    run.granted();
    expect(run.proof(false)).toEqual(["unmap"]);
    expect(run.machine.proven).toBeNull();
    expect(run.machine.trouble).toContain(OUTER);
    const [ask] = run.machine.step({ type: "tick" }, 30_000);
    expect(ask).toMatchObject({ type: "ask", outer: null, attempt: 1 });
  });

  it.each(["10.0.0.2:5000", "0.0.0.0:5000", "127.0.0.1:22", "100.64.9.9:5000", "224.0.0.1:5000"])(
    "has nobody dial %s, which no router of the wide area has",
    (outer) => {
      const run = new Run();
      run.feed({ type: "wanted" });
      expect(run.granted(outer)).toEqual(["unmap"]);
      expect(run.machine.grant).toBeUndefined();
      expect(run.machine.trouble).toContain(outer.split(":")[0]);
      expect(run.next()).toEqual(["ask"]);
    },
  );

  it("rests longer each time that it is refused, an hour at most", () => {
    const run = new Run();
    run.feed({ type: "wanted" });
    const rests: number[] = [];
    for (let i = 0; i < 10; i++) {
      expect(run.refused("not allowed")).toEqual([]);
      const beforeMs = run.nowMs;
      expect(run.next()).toEqual(["ask"]);
      rests.push((run.nowMs - beforeMs) / 1000);
    }
    expect(rests.slice(0, 4)).toEqual([30, 60, 120, 240]);
    expect(rests.at(-1)).toBe(3_600);
    expect(run.machine.trouble).toBe("not allowed");
    expect(run.feed({ type: "unwanted" })).toEqual([]);
    expect(run.machine.trouble).toBe("");
  });

  it("renews at half of the lifetime and stays announced", () => {
    const run = proven();
    run.untilRenewal();
    expect(run.nowMs).toBe(HOUR_MS / 2);
    expect(run.granted()).toEqual([]);
    expect(run.machine.proven).toBe(OUTER);
    expect(run.machine.expiresAtMs).toBe(1.5 * HOUR_MS);
  });

  it("asks for the same port again, and has another one proven anew", () => {
    const run = proven();
    run.untilRenewal();
    expect(run.granted("203.0.113.7:31999")).toEqual(["prove", "changed"]);
    expect(run.machine.proven).toBeNull();
    expect(run.proof(true)).toEqual(["changed"]);
    expect(run.machine.proven).toBe("203.0.113.7:31999");
  });

  it("tries again to renew, and announces nothing once it has expired", () => {
    const run = proven(60_000);
    let asks = 0;
    let actions: string[] = [];
    while (run.machine.proven !== null) {
      actions = run.next();
      if (actions.includes("check")) run.checked(true);
      if (actions.includes("ask") && run.machine.proven !== null) {
        asks++;
        run.refused("no answer");
      }
    }
    expect(run.nowMs).toBe(60_000);
    expect(asks).toBeGreaterThan(1);
    expect(actions).toEqual(["changed", "ask"]);
  });

  it("believes no lifetime that would have it ask all the time, nor one that never ends", () => {
    const run = proven(1);
    expect(run.machine.expiresAtMs).toBe(20_000);
    expect(proven(2 ** 40).machine.expiresAtMs).toBe(HOUR_MS);
  });

  it("maps again at once what the router has forgotten, and goes on announcing the same", () => {
    const run = proven();
    expect(run.next()).toEqual(["check"]);
    expect(run.nowMs).toBe(30_000);
    expect(run.checked(false)).toEqual(["ask"]);
    expect(run.granted()).toEqual([]);
    expect(run.machine.proven).toBe(OUTER);
    expect(run.feed({ type: "lost" })).toEqual(["ask"]);
  });

  it("looks again soon while the router is silent", () => {
    const run = proven();
    run.next();
    expect(run.checked(null)).toEqual([]);
    expect(run.next()).toEqual(["check"]);
    expect(run.nowMs).toBe(35_000);
  });

  it("announces nothing while others doubt it, until it is proven anew", () => {
    const run = proven();
    expect(run.feed({ type: "doubted" })).toEqual(["changed", "prove"]);
    expect(run.machine.proven).toBeNull();
    expect(run.feed({ type: "doubted" })).toEqual([]);
    expect(run.proof(true)).toEqual(["changed"]);
    expect(run.machine.proven).toBe(OUTER);
  });

  it("keeps what it has when it could do without", () => {
    const run = proven();
    run.feed({ type: "unwanted" });
    run.untilRenewal();
    expect(run.granted()).toEqual([]);
    expect(run.machine.proven).toBe(OUTER);
  });

  it("starts anew behind another router and hears no answer to a question of before", () => {
    const run = proven();
    const [check] = run.machine.step({ type: "tick" }, 30_000) as [
      Extract<MappingAction, { type: "check" }>,
    ];
    run.nowMs = 30_000;
    expect(run.feed({ type: "moved" })).toEqual(["changed", "ask"]);
    expect(run.machine.grant).toBeUndefined();
    const late = { type: "granted", turn: check.turn, grant: grantOf(OUTER) } as const;
    expect(run.machine.step(late, 30_001)).toEqual([]);
    expect(run.machine.grant).toBeUndefined();
    expect(run.granted("198.51.100.1:20001")).toEqual(["prove"]);
  });
});
