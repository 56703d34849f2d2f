import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Directory, rankNodes } from "../../../sim/engine/directory.ts";
import type { NodeIds } from "../../../sim/engine/protocol.ts";

const WORD = fc.oneof(fc.integer(), fc.constantFrom(0, -1, 1, -(2 ** 31)));
const ID = fc.tuple(WORD, WORD);

function wide(high: number, low: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

describe("the directory", () => {
  it("finds owners and neighbours as a search through all of them does", () => {
    const given = fc.record({
      ids: fc.uniqueArray(ID, { minLength: 1, maxLength: 100, selector: ([h, l]) => `${h} ${l}` }),
      joins: fc.array(fc.tuple(fc.nat(99), fc.boolean()), { maxLength: 200 }),
      keys: fc.array(ID, { minLength: 1, maxLength: 10 }),
    });
    fc.assert(
      fc.property(given, ({ ids, joins, keys }) => {
        const table: NodeIds = {
          high: Int32Array.from(ids.map(([high]) => high)),
          low: Int32Array.from(ids.map(([, low]) => low)),
        };
        const directory = new Directory(table, rankNodes(table));
        const joined = new Set<number>();
        for (const [index, isJoined] of joins) {
          const node = index % ids.length;
          directory.set(node, isJoined);
          if (isJoined) joined.add(node);
          else joined.delete(node);
        }
        const idOf = (node: number): bigint => wide(...ids[node]!);
        const best = (nodes: readonly number[], distance: (node: number) => bigint): number =>
          nodes.reduce((a, b) => (a < 0 || distance(b) < distance(a) ? b : a), -1);
        const all = [...joined];
        expect(directory.size).toBe(all.length);
        for (const [high, low] of keys) {
          const key = wide(high, low);
          expect(directory.closest(high, low)).toBe(best(all, (node) => idOf(node) ^ key));
          const clockwise = (node: number): bigint => BigInt.asUintN(64, idOf(node) - key);
          expect(directory.ringOwner(high, low)).toBe(best(all, clockwise));
        }
        for (const node of all) {
          const others = all.filter((other) => other !== node);
          expect(directory.closestTo(node)).toBe(best(others, (one) => idOf(one) ^ idOf(node)));
          const after = (one: number): bigint => BigInt.asUintN(64, idOf(one) - idOf(node) - 1n);
          expect(directory.successorOf(node)).toBe(best(all, after));
        }
      }),
      { numRuns: 150 },
    );
  });
});
