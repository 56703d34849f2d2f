import { describe, expect, it } from "vitest";
import { drawSoak } from "../../daemon/bench/soak/curves.ts";
import { riseOf, slopeOf } from "../../daemon/bench/soak/slope.ts";
import { figuresOf } from "../../daemon/bench/soak/soak-run.ts";
import { metricOf, type Vitals } from "../../daemon/bench/soak/vitals.ts";

const MB = 2 ** 20;

/** A host looked at every 30 s for an hour, that grows by so many MB an hour. */
function hostThatGrows(mbPerHour: number, given: Partial<Vitals> = {}): Vitals[] {
  return Array.from({ length: 120 }, (_, i) => ({
    atMs: i * 30_000,
    heldBytes: (60 + (mbPerHour * i) / 120 + (i % 7) * 0.1) * MB,
    codeBytes: (4 + (mbPerHour * i) / 480) * MB,
    residentBytes: 120 * MB,
    fileDescriptors: 50 + (i % 3),
    streams: 20 + (i % 2),
    ...given,
  }));
}

describe("a slope", () => {
  it("is that of a line, whatever a few outliers say", () => {
    const points = Array.from({ length: 40 }, (_, x) => ({ x, y: 3 * x + 1 }));
    expect(slopeOf(points)).toBe(3);
    const noisy = points.map((point, i) => (i % 9 === 0 ? { ...point, y: 1_000 } : point));
    expect(slopeOf(noisy)).toBeCloseTo(3, 1);
    expect(slopeOf([{ x: 1, y: 1 }])).toBeNaN();
  });

  it("has a rise: the last third over the first, or none of too few", () => {
    expect(riseOf([1, 1, 9, 1, 4, 4])).toBe(3);
    expect(riseOf([1, 2])).toBeNaN();
  });
});

describe("a soak", () => {
  it("passes hosts that hold what they hold, and fails those that grow", () => {
    const passed = (hosts: readonly (readonly Vitals[])[]): boolean[] =>
      figuresOf(hosts).map(({ isPassed }) => isPassed);
    expect(passed([hostThatGrows(0), hostThatGrows(0.5)])).toEqual([true, true, true]);
    expect(passed([hostThatGrows(1.5), hostThatGrows(2)])).toEqual([false, true, true]);
    const leaking = hostThatGrows(0).map((one, i) => ({ ...one, fileDescriptors: 50 + i / 20 }));
    expect(passed([hostThatGrows(0), leaking])).toEqual([true, false, true]);
    const streaming = hostThatGrows(0).map((one, i) => ({ ...one, streams: 20 + i / 10 }));
    expect(passed([hostThatGrows(0), streaming])).toEqual([true, true, false]);
    expect(passed([[]])).toEqual([false, false, false]); // nothing seen is nothing proven
  });

  it("says how much of the growth is compiled code", () => {
    const [held] = figuresOf([hostThatGrows(2), hostThatGrows(2)]);
    expect(held!.note).toContain("of it compiled code 0.50;");
  });

  it("is drawn with a line for each host", () => {
    const vitals = new Map([
      ["alpha-1", hostThatGrows(1)],
      ["beta-1", hostThatGrows(0)],
    ]);
    const counts = { puts: 1, failedPuts: 0, changes: 0, figures: [], tables: [] };
    const svg = drawSoak({ vitals, warmUpMs: 600_000, ...counts });
    expect(svg.match(/<polyline/g)).toHaveLength(2);
    expect(svg).not.toContain("NaN");
  });

  it("says which metric a daemon lacks", () => {
    const metrics = new Map([["a_bytes", 12]]);
    expect(metricOf(metrics, "a_bytes")).toBe(12);
    expect(() => metricOf(metrics, "b_bytes")).toThrow("no metric b_bytes");
  });
});
