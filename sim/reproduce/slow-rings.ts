/** A hub and a chain that become rings, a round of STABILIZE after the other (thesis figs. 2.7, 2.8). */
import type { Scenario } from "../scenario/scenario.ts";
import { RoundStage } from "./round-stage.ts";

/** Node 0 has the greatest id: it comes after node 5, as in the thesis' figures. */
const IDS = [60, 10, 20, 30, 40, 50].map((id) => id << 24);
const ROUNDS = 5;

/** The successor of each node, at first and after each round. */
export type Rounds = readonly (readonly number[])[];

/** Nodes 1 to 5 all have node 0 as their successor. @param scenario  without aggressive join */
export function hubRounds(scenario: Scenario): Rounds {
  const stage = new RoundStage(scenario, IDS);
  for (const node of [1, 2, 3, 4, 5]) stage.welcome(node, 0);
  stage.settle();
  return rounds(stage, [1, 2, 3, 4, 5, 0]);
}

/** A ring of 0 and 5, and behind it 4, 3, 2 and 1, each pointing to the one after it. */
export function chainRounds(scenario: Scenario): Rounds {
  const stage = new RoundStage(scenario, IDS);
  for (const [node, owner] of [
    [5, 0],
    [4, 5],
    [3, 4],
    [2, 3],
    [1, 2],
  ] as const) {
    stage.welcome(node, owner);
    stage.settle();
  }
  return rounds(stage, [0, 1, 2, 3, 4, 5]);
}

function rounds(stage: RoundStage, order: readonly number[]): Rounds {
  const found = [stage.successors()];
  for (let round = 0; round < ROUNDS; round++) {
    stage.stabilize(order);
    found.push(stage.successors());
  }
  return found;
}

/** How many nodes are on the ring that node 0 is on; 0 when it is on none. */
export function ringSize(successors: readonly number[]): number {
  let node = 0;
  for (let size = 1; size <= successors.length; size++) {
    node = successors[node] ?? -1;
    if (node === 0) return size;
  }
  return 0;
}
