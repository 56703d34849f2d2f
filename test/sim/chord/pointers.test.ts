import { describe, expect, it } from "vitest";
import { listOf } from "../../../sim/chord/naming.ts";
import { TICK, TYPE } from "../../../sim/chord/types.ts";
import { NONE } from "../../../sim/engine/event-slab.ts";
import { idsOf, Stage } from "./stage.ts";

// Node 0 has the greatest id: it comes after node 5, as in the thesis' figures.
const IDS = [60, 10, 20, 30, 40, 50].map((id) => id << 24);
const ALL = [0, 1, 2, 3, 4, 5];

/** Tells a joiner that a node owns its id; the ring does not hear of it. */
function welcome(stage: Stage, joiner: number, owner: number): void {
  stage.chord.start(joiner, owner === 0 ? 5 : 0);
  const list = stage.lists.take();
  stage.chord.onMessage(joiner, owner, TYPE.welcome, 0, 0, 0, list);
  stage.lists.release(list);
}

/** A stage where nobody has got anything but the JOINs, which are dropped. */
function quietStage(isAggressive: boolean): Stage {
  const stage = new Stage(idsOf(IDS), { isAggressive });
  stage.chord.start(0, NONE);
  return stage;
}

describe("a hub (thesis fig. 2.7)", () => {
  it("becomes a ring by one node a round: each round one pointer is right that was not", () => {
    const stage = quietStage(false);
    for (const node of [1, 2, 3, 4, 5]) welcome(stage, node, 0);
    stage.settle();
    const rounds = [stage.successors(ALL)];
    const found = [stage.predecessors([0, 5, 4, 3, 2])];
    for (let round = 0; round < 5; round++) {
      stage.stabilize([1, 2, 3, 4, 5, 0]);
      rounds.push(stage.successors(ALL));
      found.push(stage.predecessors([0, 5, 4, 3, 2]));
    }
    expect(rounds).toEqual([
      [1, 0, 0, 0, 0, 0], // (a)
      [1, 5, 5, 5, 5, 0], // (b): 5 is the best predecessor of 0
      [1, 4, 4, 4, 5, 0], // (c)
      [1, 3, 3, 4, 5, 0], // (d)
      [1, 2, 3, 4, 5, 0], // (e)
      [1, 2, 3, 4, 5, 0],
    ]);
    expect(found.map((row) => row.filter((node) => node !== NONE).length)).toEqual([
      ...[1, 2, 3, 4, 5, 5],
    ]);
    expect(stage.predecessors(ALL)).toEqual([5, 0, 1, 2, 3, 4]);
  });
});

describe("a chain (thesis fig. 2.8)", () => {
  it("is taken into the ring one node a round, from its near end to its far one", () => {
    const stage = quietStage(false);
    // A ring of 0 and 5, and behind it in the order of ids 4, 3, 2 and 1.
    welcome(stage, 5, 0);
    stage.settle();
    for (const node of [4, 3, 2, 1]) {
      welcome(stage, node, node + 1);
      stage.settle();
    }
    const rounds = [stage.successors(ALL)];
    for (let round = 0; round < 5; round++) {
      stage.stabilize(ALL);
      rounds.push(stage.successors(ALL));
    }
    expect(rounds.map(([first]) => first)).toEqual([5, 4, 3, 2, 1, 1]);
    for (const [, ...others] of rounds) expect(others).toEqual([2, 3, 4, 5, 0]);
    expect(stage.predecessors(ALL)).toEqual([5, 0, 1, 2, 3, 4]);
  });
});

describe("joining", () => {
  function join(stage: Stage, nodes: readonly number[]): void {
    for (const node of nodes) {
      stage.chord.start(node, 0);
      stage.settle();
    }
  }

  it("sets all pointers at once when it is aggressive (thesis fig. 2.3b)", () => {
    const stage = quietStage(true);
    join(stage, [3, 1, 5, 2, 4]);
    expect(stage.joins).toEqual([0, 3, 1, 5, 2, 4]);
    expect(stage.successors(ALL)).toEqual([1, 2, 3, 4, 5, 0]);
    expect(stage.predecessors(ALL)).toEqual([5, 0, 1, 2, 3, 4]);
  });

  it("leaves the old predecessor's pointer to STABILIZE when it is not (thesis fig. 2.3a)", () => {
    const stage = quietStage(false);
    join(stage, [2]);
    stage.stabilize([0, 2]);
    join(stage, [4]);
    // 4 has its successor and has made itself known; nobody told 2.
    expect(stage.successors([0, 2, 4])).toEqual([2, 0, 0]);
    expect(stage.predecessors([0, 2, 4])).toEqual([4, 0, NONE]);
    stage.stabilize([2]);
    expect(stage.successors([0, 2, 4])).toEqual([2, 4, 0]);
    expect(stage.predecessors([0, 2, 4])).toEqual([4, 0, 2]);
  });

  it("takes a hint that comes before the owner's answer", () => {
    const stage = quietStage(true);
    stage.dead.add(0);
    stage.chord.start(2, 0);
    stage.chord.onMessage(2, 0, TYPE.newSuccessor, 0, 0, 0, listOf(stage.lists, 3));
    stage.settle();
    expect(stage.successors([2])).toEqual([3]);
  });

  it("is tried again, and then through another contact", () => {
    const stage = new Stage(idsOf(IDS), { joinRetries: 2 });
    stage.dead.add(0);
    stage.chord.start(1, 0);
    stage.settle();
    stage.fire(1, TICK.join);
    expect([stage.joins, stage.failedJoins]).toEqual([[], []]);
    stage.fire(1, TICK.join);
    expect([stage.joins, stage.failedJoins]).toEqual([[], [1]]);
  });
});

describe("a node that fails", () => {
  function ring(): Stage {
    const stage = quietStage(true);
    for (const node of [1, 2, 3, 4, 5]) {
      stage.chord.start(node, 0);
      stage.settle();
    }
    for (let round = 0; round < 5; round++) stage.stabilize(ALL);
    return stage;
  }

  it("is left out by its predecessor at the next round, and claimed for by its successor", () => {
    const stage = ring();
    stage.dead.add(3);
    stage.stabilize([0, 1, 2, 4, 5]);
    stage.stabilize([0, 1, 2, 4, 5]);
    expect(stage.successors([2])).toEqual([4]);
    expect(stage.predecessors([4])).toEqual([2]);
    expect(stage.lookup(0, 25 << 24, 0)).toMatchObject({ owner: 4 });
  });

  it("is gone round by a lookup that meets it before anybody knows", () => {
    const stage = ring();
    stage.dead.add(5);
    const { owner } = stage.lookup(1, 35 << 24, 0);
    expect(owner).toBe(4);
  });

  it("makes the last one that knew only it join anew", () => {
    const stage = quietStage(true);
    stage.chord.start(1, 0);
    stage.settle();
    stage.dead.add(0);
    stage.stabilize([1]);
    expect(stage.failedJoins).toEqual([1]);
    expect(ALL.map((key) => stage.chord.isResponsible(1, IDS[key]!, 0))).not.toContain(true);
  });
});
