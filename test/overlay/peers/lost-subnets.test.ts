import { beforeEach, describe, expect, it } from "vitest";
import { createRandom } from "../../../platform/random.ts";
import { LostSubnets, type Reached } from "../../../overlay/peers/lost-subnets.ts";
import { pairOf } from "../identity/members.ts";
import { SetClock } from "../records/fixture.ts";
import { setAt } from "../io/dialled-set.ts";

describe("subnets that are not reached", () => {
  let clock: SetClock;
  let lost: LostSubnets;
  const moor = setAt("moor");
  const id = moor.subnetId;

  beforeEach(() => {
    clock = new SetClock();
    lost = new LostSubnets(clock, createRandom(1));
  });

  function due(reached: Partial<Reached> = {}): readonly string[] {
    return lost.review({
      ...{ isAny: false, isReached: () => false, newest: () => undefined },
      ...reached,
    });
  }

  /** Seconds that pass before each of the next tries. */
  function gaps(isAlone: boolean, count: number): number[] {
    return Array.from({ length: count }, () => {
      lost.postpone(id, isAlone);
      let seconds = 0;
      for (; due({ isAny: !isAlone }).length === 0; seconds++) clock.pass(1_000);
      return seconds;
    });
  }

  it("are missed when they were told of, or lost, and not when they departed", () => {
    expect(lost.isMissingAny).toBe(false);
    lost.remember(moor, "departed");
    expect(lost.isMissingAny).toBe(false);
    lost.remember(setAt("pier", undefined, { reach: "unknown" }), "told");
    expect(lost.isMissingAny).toBe(true);
    lost.missed(pairOf("pier").id); // nobody had ever dialled it
    expect(lost.isMissingAny).toBe(false);
    lost.remember(moor, "lost");
    lost.missed(id);
    expect(lost.isMissingAny).toBe(true);
  });

  it("are looked for, departed ones too, while nobody is reached", () => {
    lost.remember(moor, "departed");
    expect(due({ isAny: true })).toEqual([]);
    expect(due()).toEqual([id]);
    lost.missed(id);
    expect(lost.sets(true)).toEqual([moor]);
    expect(lost.sets(false)).toEqual([]);
  });

  it("are tried at least every 15 s when this host is alone, and every minute when it is not", () => {
    lost.remember(moor, "lost");
    expect(Math.max(...gaps(true, 30))).toBeLessThanOrEqual(15);
    const others = gaps(false, 30);
    expect(Math.max(...others)).toBeGreaterThan(30);
    expect(Math.max(...others)).toBeLessThanOrEqual(60);
  });

  it("are known no more once they have been reached for a while", () => {
    lost.remember(moor, "departed");
    lost.met(id);
    due({ isAny: true, isReached: () => true });
    expect(lost.sets(true)).toEqual([moor]);
    clock.pass(10_000);
    due({ isAny: true, isReached: () => true });
    expect(lost.sets(true)).toEqual([]);
  });

  it("are not kept when nobody can dial them", () => {
    lost.remember(setAt("moor", undefined, { reach: "unreachable" }), "departed");
    expect(lost.sets(true)).toEqual([]);
    lost.remember(moor, "lost");
    expect(due({ newest: () => setAt("moor", undefined, { reach: "unreachable" }) })).toEqual([]);
    expect(lost.setOf(id)).toBeUndefined();
  });
});
