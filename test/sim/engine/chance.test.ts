import { describe, expect, it } from "vitest";
import { below, draw, STREAM, streamKey, unit } from "../../../sim/engine/dice.ts";
import { exactExp, exactLog, exactPower } from "../../../sim/engine/exact-math.ts";
import {
  exponentialQuantiles,
  halfNormalQuantiles,
  normalProbability,
  normalQuantile,
  quantileAt,
  shiftedParetoQuantiles,
  truncatedNormalQuantiles,
  weibullQuantiles,
} from "../../../sim/engine/quantiles.ts";

const DRAWS = 200_000;
const KEY = streamKey(7, STREAM.core);

describe("dice", () => {
  it("fall evenly over nodes and over counters, and differ by seed and stream", () => {
    for (const roll of [
      (i: number) => unit(KEY, i, 0),
      (i: number) => unit(KEY, 5, i),
      (i: number) => unit(streamKey(i, STREAM.core), 5, 0),
    ]) {
      const cells = new Float64Array(64);
      for (let i = 0; i < DRAWS; i++) cells[Math.floor(roll(i) * 64)]!++;
      const chiSquare = cells.reduce((sum, n) => sum + (n - DRAWS / 64) ** 2 / (DRAWS / 64), 0);
      expect(chiSquare).toBeLessThan(112); // 63 degrees of freedom: one in 10,000 is above
    }
    expect(draw(KEY, 1, 1)).not.toBe(draw(streamKey(7, STREAM.delay), 1, 1));
    expect(draw(KEY, 1, 1)).not.toBe(draw(streamKey(2 ** 32 + 7, STREAM.core), 1, 1));
  });

  it("show no likeness between neighbours", () => {
    let both = 0;
    for (let i = 0; i < DRAWS; i++) {
      const bits = draw(KEY, i, 3) ^ draw(KEY, i + 1, 3) ^ draw(KEY, i, 4);
      for (let x = bits; x !== 0; x &= x - 1) both++;
    }
    expect(Math.abs(both / DRAWS - 16)).toBeLessThan(0.04);
  });

  it("stay below their bound", () => {
    for (let i = 0; i < 1000; i++) expect(below(3, KEY, i, 0)).toBeLessThan(3);
  });
});

describe("exact functions", () => {
  it("agree with those of the platform to 14 digits", () => {
    for (let x = -40; x < 40; x += 0.37)
      expect(Math.abs(exactExp(x) / Math.exp(x) - 1)).toBeLessThan(1e-14);
    for (let x = 0.001; x < 1e6; x *= 1.7)
      expect(Math.abs(exactLog(x) - Math.log(x))).toBeLessThan(1e-14 * (1 + Math.abs(Math.log(x))));
    expect(exactPower(2.5, 1.7)).toBeCloseTo(2.5 ** 1.7, 12);
  });

  it("invert the normal distribution", () => {
    for (const p of [0.0001, 0.01, 0.3, 0.5, 0.77, 0.999])
      expect(normalProbability(normalQuantile(p))).toBeCloseTo(p, 8);
  });
});

describe("tables of quantiles", () => {
  const meanOf = (table: Float64Array): number => {
    let sum = 0;
    for (let i = 0; i < DRAWS; i++) sum += quantileAt(table, unit(KEY, i, 9));
    return sum / DRAWS;
  };

  it("have the means of what they stand for", () => {
    expect(meanOf(halfNormalQuantiles())).toBeCloseTo(Math.sqrt(2 / Math.PI), 2);
    expect(meanOf(truncatedNormalQuantiles(0.1))).toBeCloseTo(1, 2);
    // N(1, 1/3) cut at 0: its mean is 1.00147
    expect(meanOf(truncatedNormalQuantiles(1 / 3))).toBeCloseTo(1.0015, 2);
    for (const table of [exponentialQuantiles(), weibullQuantiles(0.6), shiftedParetoQuantiles(3)])
      expect(Math.abs(meanOf(table) - 1)).toBeLessThan(0.02);
  });

  it("rise, and never below 0", () => {
    for (const table of [truncatedNormalQuantiles(0.8), weibullQuantiles(0.4)])
      for (let i = 1; i < table.length; i++) {
        expect(table[i]! >= table[i - 1]!).toBe(true);
        expect(table[i - 1]! >= 0).toBe(true);
      }
  });
});
