import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fingerKey, isBeyond } from "../../../sim/chord/fingers.ts";
import { Neighbours } from "../../../sim/chord/neighbours.ts";
import { BIAS, lowerDistance, upperDistance } from "../../../sim/chord/ring.ts";
import { Routing } from "../../../sim/chord/routing.ts";
import { NONE } from "../../../sim/engine/event-slab.ts";
import type { NodeIds } from "../../../sim/engine/protocol.ts";

const RING = 1n << 64n;
const MASK = RING - 1n;

/** Ids at random, and many that agree in a half or differ by one. */
const id = fc.oneof(
  fc.bigInt(0n, MASK),
  fc.tuple(fc.bigInt(0n, 3n), fc.bigInt(0n, 3n)).map(([high, low]) => (high << 32n) | low),
  fc.tuple(fc.bigInt(0n, 3n), fc.bigInt(0n, 3n)).map(([high, low]) => MASK - ((high << 32n) | low)),
  fc.bigInt(-2n, 2n).map((offset) => ((1n << 63n) + offset) & MASK),
);

const highOf = (value: bigint): number => Number(value >> 32n) | 0;
const lowOf = (value: bigint): number => Number(value & 0xffffffffn) | 0;
const distance = (from: bigint, to: bigint): bigint => (to - from) & MASK;

function idsOf(values: readonly bigint[]): NodeIds {
  return { high: Int32Array.from(values, highOf), low: Int32Array.from(values, lowOf) };
}

describe("arithmetic on the ring", () => {
  it("measures distances as big integers do", () => {
    fc.assert(
      fc.property(id, id, (from, to) => {
        const upper = upperDistance(highOf(from), lowOf(from), highOf(to), lowOf(to)) ^ BIAS;
        const lower = lowerDistance(lowOf(from), lowOf(to)) ^ BIAS;
        const measured = (BigInt(upper >>> 0) << 32n) | BigInt(lower >>> 0);
        expect(measured).toBe(distance(from, to));
      }),
      { numRuns: 500 },
    );
  });

  it("knows which fingers lie beyond a successor", () => {
    fc.assert(
      fc.property(id, id, fc.nat(31), (self, successor, finger) => {
        fc.pre(self !== successor);
        const upper = upperDistance(
          ...([highOf(self), lowOf(self), highOf(successor), lowOf(successor)] as const),
        );
        const power = 1n << BigInt(32 + finger);
        expect(isBeyond(finger, upper)).toBe(power > distance(self, successor));
        expect(fingerKey(highOf(self), finger)).toBe(highOf((self + power) & MASK));
      }),
      { numRuns: 300 },
    );
  });
});

describe("neighbours", () => {
  const nodes = fc.uniqueArray(id, { minLength: 3, maxLength: 14 });

  it("keep the nearest of those that are added, in order, and lose those that are forgotten", () => {
    fc.assert(
      fc.property(nodes, fc.array(fc.nat(13)), fc.nat(13), (values, added, gone) => {
        const neighbours = new Neighbours(idsOf(values), values.length, 0, 4);
        const known = new Set<number>();
        for (const node of added.filter((one) => one < values.length)) {
          neighbours.add(0, node);
          if (node > 0) known.add(node);
          const nearest = [...known].toSorted((a, b) =>
            distance(values[0]!, values[a]!) < distance(values[0]!, values[b]!) ? -1 : 1,
          );
          // What was pushed out is gone for good.
          known.clear();
          for (const one of nearest.slice(0, 4)) known.add(one);
          expect(listOf(neighbours)).toEqual(nearest.slice(0, 4));
        }
        neighbours.forget(0, gone);
        known.delete(gone);
        expect(listOf(neighbours)).toEqual([...known]);
      }),
      { numRuns: 200 },
    );
  });

  it("tell who is between: neither end belongs to it", () => {
    fc.assert(
      fc.property(nodes, (values) => {
        const neighbours = new Neighbours(idsOf(values), values.length, 0, 4);
        neighbours.add(0, 1);
        neighbours.setPredecessor(0, 1);
        for (let node = 0; node < values.length; node++) {
          const from = distance(values[0]!, values[node]!);
          const isInside = node > 1;
          const reach = distance(values[0]!, values[1]!);
          expect(neighbours.isBeforeSuccessor(0, node)).toBe(isInside && from < reach);
          expect(neighbours.isAfterPredecessor(0, node)).toBe(isInside && from > reach);
        }
      }),
      { numRuns: 200 },
    );
  });

  function listOf(neighbours: Neighbours): readonly number[] {
    return Array.from({ length: neighbours.countOf(0) }, (_, place) => neighbours.at(0, place));
  }
});

describe("routing", () => {
  /** Of a node that knows its predecessor, successors and fingers: what the rules say. */
  function naiveHop(
    values: readonly bigint[],
    known: { predecessor: number; successors: readonly number[]; fingers: readonly number[] },
    key: bigint,
  ): number {
    const to = (node: number): bigint => distance(values[0]!, values[node]!);
    const away = distance(values[0]!, key);
    const { predecessor, successors, fingers } = known;
    if (away === 0n) return 0;
    if (predecessor === NONE ? successors.length === 0 : away > to(predecessor)) return 0;
    if (successors.length === 0) return NONE;
    const before = successors.findLast((node) => to(node) < away);
    if (before === undefined) return successors[0]!;
    const finger = fingers.findLast(
      (node) => node > 0 && to(node) <= away && to(node) >> 32n >= to(before) >> 32n,
    );
    return finger ?? before;
  }

  it("goes where a plain reading of the rules goes", () => {
    const keys = fc.array(id, { minLength: 5, maxLength: 5 });
    const places = fc.array(fc.nat(7), { maxLength: 12 });
    fc.assert(
      fc.property(
        fc.uniqueArray(id, { minLength: 8, maxLength: 8 }),
        ...([fc.integer({ min: -1, max: 7 }), places, places, keys] as const),
        (values, predecessor, successors, fingers, others) => {
          const routing = new Routing(idsOf(values), 8, 0, 4);
          const { neighbours } = routing;
          for (const node of successors) neighbours.add(0, node);
          if (predecessor > 0) neighbours.setPredecessor(0, predecessor);
          fingers.forEach((node, finger) => routing.fingers.set(0, finger, node));
          const known = {
            predecessor: predecessor > 0 ? predecessor : NONE,
            successors: Array.from({ length: neighbours.countOf(0) }, (_, place) =>
              neighbours.at(0, place),
            ),
            fingers,
          };
          for (const key of [...others, ...values, ...values.map((value) => (value + 1n) & MASK)])
            expect(routing.nextHop(0, highOf(key), lowOf(key), NONE)).toBe(
              naiveHop(values, known, key),
            );
        },
      ),
      { numRuns: 300 },
    );
  });

  it("names no node that is said to be dead", () => {
    const values = [0n, 10n, 20n, 30n].map((value) => value << 40n);
    const routing = new Routing(idsOf(values), 4, 0, 4);
    for (const node of [1, 2, 3]) routing.neighbours.add(0, node);
    routing.neighbours.setPredecessor(0, 3);
    const hop = (key: bigint, dead: number): number =>
      routing.nextHop(0, highOf(key << 40n), lowOf(key << 40n), dead);
    expect([hop(5n, NONE), hop(5n, 1), hop(25n, NONE), hop(25n, 2)]).toEqual([1, 2, 2, 1]);
  });
});
