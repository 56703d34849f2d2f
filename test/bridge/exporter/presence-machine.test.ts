import { describe, expect, it } from "vitest";
import { ANSWER_MS, PresenceMachine } from "../../../bridge/exporter/presence-machine.ts";

/** Asks a host that answers until `diesMs`, and again from `returnsMs` on. */
function watchHost(answersFromMs: number, diesMs: number, returnsMs = Infinity) {
  const machine = new PresenceMachine();
  const told: { readonly atMs: number; readonly isPresent: boolean }[] = [];
  const asks: number[] = [];
  let owed: { readonly atMs: number; readonly isPresent: boolean } | undefined;
  const isUp = (atMs: number): boolean =>
    (atMs >= answersFromMs && atMs < diesMs) || atMs >= returnsMs;
  let nowMs = 0;
  const step = (event: Parameters<PresenceMachine["step"]>[0]): void => {
    for (const action of machine.step(event, nowMs)) {
      if (action.type === "presence") told.push({ atMs: nowMs, isPresent: action.isPresent });
      else {
        asks.push(nowMs);
        owed = isUp(nowMs)
          ? { atMs: nowMs + 10, isPresent: true }
          : { atMs: nowMs + ANSWER_MS, isPresent: false };
      }
    }
  };
  step({ type: "hosts", hosts: new Map([["mac.local", ["10.0.0.7"]]]) });
  return {
    told,
    asks,
    run(untilMs: number): void {
      for (; nowMs < untilMs; nowMs += 10) {
        if (owed !== undefined && owed.atMs <= nowMs) {
          const { isPresent } = owed;
          owed = undefined;
          step({ type: "answer", host: "mac.local", isPresent });
        }
        if (machine.wakeAtMs <= nowMs) step({ type: "tick" });
      }
    },
  };
}

describe("a host of exported services", () => {
  it("is asked every 2 s while it answers", () => {
    const { asks, told, run } = watchHost(0, Infinity);
    run(60_000);
    expect(asks.length).toBeGreaterThan(28);
    expect(asks.length).toBeLessThanOrEqual(31);
    expect(told).toEqual([]);
  });

  it("is away within 4 s of its death, whenever that is, and back when it answers", () => {
    for (let diesMs = 20_000; diesMs < 22_000; diesMs += 130) {
      const { told, run } = watchHost(0, diesMs, 40_000);
      run(60_000);
      expect(told.map(({ isPresent }) => isPresent)).toEqual([false, true]);
      expect(told[0]!.atMs - diesMs).toBeLessThanOrEqual(4000);
      expect(told[1]!.atMs - 40_000).toBeLessThanOrEqual(11_000);
    }
  });

  it("is not judged by silence when it never answered such a question", () => {
    const { told, run } = watchHost(Infinity, Infinity);
    run(120_000);
    expect(told).toEqual([]);
  });

  it("that was found away is told to be back when it is asked again after a while", () => {
    const machine = new PresenceMachine();
    const hosts = new Map([["mac.local", ["10.0.0.7"]]]);
    const none = new Map<string, readonly string[]>();
    const answer = (isPresent: boolean) =>
      ({ type: "answer", host: "mac.local", isPresent }) as const;
    machine.step({ type: "hosts", hosts }, 0);
    machine.step(answer(true), 1);
    const away = [10_000, 11_000, 12_000].flatMap((atMs) => machine.step(answer(false), atMs));
    expect(away).toContainEqual({ type: "presence", host: "mac.local", isPresent: false });
    // Its rule is taken away and set again.
    expect(machine.step({ type: "hosts", hosts: none }, 20_000)).toEqual([]);
    expect(machine.wakeAtMs).toBe(Infinity);
    expect(machine.step({ type: "hosts", hosts }, 40_000)).toMatchObject([{ type: "ask" }]);
    expect(machine.step(answer(true), 40_010)).toContainEqual({
      ...{ type: "presence", host: "mac.local", isPresent: true },
    });
  });

  it("is remembered as away as long as there are not too many of them", () => {
    const machine = new PresenceMachine();
    let absent = 0;
    for (let i = 0; i < 1000; i++) {
      const host = `mac-${i}.local`;
      const answer = (isPresent: boolean) => ({ type: "answer", host, isPresent }) as const;
      const actions = [
        ...machine.step({ type: "hosts", hosts: new Map([[host, ["10.0.0.7"]]]) }, i),
        ...[true, false, false, false].flatMap((isPresent) => machine.step(answer(isPresent), i)),
      ];
      for (const action of actions)
        if (action.type === "presence") absent += action.isPresent ? -1 : 1;
    }
    expect(absent).toBeLessThan(300);
  });

  it("is asked more slowly once it is away for long", () => {
    const { asks, run } = watchHost(0, 1000);
    run(300_000);
    expect(asks.filter((atMs) => atMs > 200_000).length).toBeLessThanOrEqual(10);
  });
});
