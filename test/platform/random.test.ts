import { describe, expect, it } from "vitest";
import { createRandom } from "../../platform/random.ts";

const DRAWS = 40_000;

/** Pearson's statistic of equally likely cells. */
function chiSquared(counts: readonly number[], draws: number): number {
  const expected = draws / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

describe("createRandom", () => {
  it("gives the same sequence for the same seed, on every machine", () => {
    const first = createRandom(42);
    const second = createRandom(42);
    const draws = Array.from({ length: 100 }, () => first.next());
    expect(Array.from({ length: 100 }, () => second.next())).toEqual(draws);
    // Pinned: a change here changes every seeded scenario that a failure report names.
    const pinned = createRandom(1);
    expect(Array.from({ length: 4 }, () => pinned.below(2 ** 32))).toMatchInlineSnapshot(`
      [
        2420951833,
        2513034076,
        3847892949,
        4064752930,
      ]
    `);
  });

  it("gives different sequences for neighbouring seeds", () => {
    const firsts = Array.from({ length: 1000 }, (_, seed) => createRandom(seed - 500).next());
    expect(new Set(firsts).size).toBe(1000);
    const mean = firsts.reduce((sum, draw) => sum + draw, 0) / firsts.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.05);
  });

  it("stays in its bounds, to the last value", () => {
    const random = createRandom(7);
    const seen = new Set<number>();
    for (let i = 0; i < 1000; i++) {
      const draw = random.next();
      expect(draw >= 0 && draw < 1).toBe(true);
      seen.add(random.below(3));
      const between = random.between(-2, 5);
      expect(between >= -2 && between < 5).toBe(true);
    }
    expect(seen).toEqual(new Set([0, 1, 2]));
    expect(random.below(1)).toBe(0);
  });

  it("is uniform", () => {
    const random = createRandom(2026);
    const cells = Array.from({ length: 100 }, () => 0);
    for (let i = 0; i < DRAWS; i++) cells[random.below(100)]!++;
    // 99 degrees of freedom: 149 is passed once in a thousand seeds, and this one is fixed.
    expect(chiSquared(cells, DRAWS)).toBeLessThan(149);
  });

  it("shows no link between a draw and the next", () => {
    const random = createRandom(99);
    const cells = Array.from({ length: 64 }, () => 0);
    for (let i = 0; i < DRAWS; i++) cells[random.below(8) * 8 + random.below(8)]!++;
    expect(chiSquared(cells, DRAWS)).toBeLessThan(103.4);
  });

  it("shuffles without bias: each order of four comes as often", () => {
    const random = createRandom(5);
    const counts = new Map<string, number>();
    for (let i = 0; i < DRAWS; i++) {
      const order = random.shuffle(["a", "b", "c", "d"]).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    expect(chiSquared([...counts.values()], DRAWS)).toBeLessThan(49.7);
  });

  it("shuffles a copy and picks from what is there", () => {
    const random = createRandom(3);
    const items = [1, 2, 3];
    expect(new Set(random.shuffle(items))).toEqual(new Set([1, 2, 3]));
    expect(items).toEqual([1, 2, 3]);
    expect(random.pick([])).toBeUndefined();
    expect(random.pick(["only"])).toBe("only");
  });
});
