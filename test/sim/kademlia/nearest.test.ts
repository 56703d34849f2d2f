import { describe, expect, it } from "vitest";
import { draw } from "../../../sim/engine/dice.ts";
import { NONE } from "../../../sim/engine/event-slab.ts";
import type { NodeIds } from "../../../sim/engine/protocol.ts";
import { Closest } from "../../../sim/kademlia/closest.ts";
import { LookupTable } from "../../../sim/kademlia/lookup-table.ts";

const NODES = 300;
const KEYS = [
  { high: 0, low: 0 },
  { high: -1, low: 5 },
  { high: 0x1234_5678, low: 9 },
];

/** Every third has the upper half of the one before it. */
function idsOf(): NodeIds {
  const high = Int32Array.from({ length: NODES }, (_, i) => draw(1, i - Number(i % 3 === 2), 0));
  const low = Int32Array.from({ length: NODES }, (_, i) => draw(2, i, 0));
  return { high, low };
}

/** Shuffled; `count` of all but node 0. */
function some(count: number): number[] {
  const nodes = Array.from({ length: NODES - 1 }, (_, i) => i + 1);
  return nodes.toSorted((a, b) => draw(3, a, count) - draw(3, b, count)).slice(0, count);
}

function byDistance(ids: NodeIds, nodes: number[], high: number, low: number): number[] {
  const distance = (node: number): bigint =>
    (BigInt((ids.high[node]! ^ high) >>> 0) << 32n) | BigInt((ids.low[node]! ^ low) >>> 0);
  return nodes.toSorted((a, b) => (distance(a) < distance(b) ? -1 : 1));
}

describe.each(KEYS)("of contacts in any order, to the key $high $low", ({ high, low }) => {
  const ids = idsOf();

  it.each([0, 1, 5, 8, 9, 40, 299])("the nearest of %d are named in order", (count) => {
    const closest = new Closest(ids);
    const nodes = some(count);
    for (const wanted of [1, 8, 40]) {
      closest.begin(high, low, wanted);
      for (const node of nodes) closest.offer(node);
      closest.finish();
      const nearest = byDistance(ids, nodes, high, low).slice(0, wanted);
      expect([...closest.nodes.subarray(0, closest.count)]).toEqual(nearest);
    }
  });

  it.each([1, 3, 20])(
    "lookups ask the nearest of what several answers name, %d at most",
    (longest) => {
      const lookups = new LookupTable(ids, longest);
      const lookup = lookups.begin(0, high, low, 0, 0, NONE, 0);
      const answers = [some(7), byDistance(ids, some(30), high, low), some(30), [0], some(60)];
      for (const answer of answers)
        lookups.offer(lookup, Int32Array.from(answer), 0, answer.length, 1);
      const asked: number[] = [];
      for (let next = lookups.takeNext(lookup); next !== NONE; next = lookups.takeNext(lookup))
        asked.push(next);
      const named = [...new Set(answers.flat())].filter((node) => node !== 0);
      expect(asked).toEqual(byDistance(ids, named, high, low).slice(0, longest));
    },
  );
});
