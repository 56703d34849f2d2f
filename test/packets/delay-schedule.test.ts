import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DelaySchedule, UNDELAYED } from "../../packets/delay-schedule.ts";
import { createRandom } from "../../platform/random.ts";

describe("DelaySchedule", () => {
  it("delays each frame from its own arrival, however late it is asked", () => {
    const schedule = new DelaySchedule({ ...UNDELAYED, delayMs: 20 }, createRandom(1));
    expect([100, 100.5, 107].map((at) => schedule.admit(at))).toEqual([120, 120.5, 127]);
  });

  it("keeps the order of frames and the bounds of jitter", () => {
    const settings = fc.record({
      delayMs: fc.double({ min: 0, max: 200, noNaN: true }),
      jitterMs: fc.double({ min: 0, max: 50, noNaN: true }),
    });
    const gaps = fc.array(fc.double({ min: 0, max: 10, noNaN: true }), { maxLength: 50 });
    fc.assert(
      fc.property(settings, gaps, fc.integer(), ({ delayMs, jitterMs }, gapsMs, seed) => {
        const schedule = new DelaySchedule({ ...UNDELAYED, delayMs, jitterMs }, createRandom(seed));
        let [nowMs, lastMs] = [0, -Infinity];
        for (const gapMs of gapsMs) {
          nowMs += gapMs;
          const dueMs = schedule.admit(nowMs);
          expect(dueMs).toBeGreaterThanOrEqual(Math.max(lastMs, nowMs));
          expect(dueMs).toBeLessThanOrEqual(Math.max(lastMs, nowMs + delayMs + jitterMs));
          lastMs = dueMs;
        }
      }),
    );
  });

  it("wanders over the whole width of the jitter", () => {
    const schedule = new DelaySchedule({ ...UNDELAYED, delayMs: 20, jitterMs: 5 }, createRandom(7));
    const delays = Array.from({ length: 500 }, (_, i) => schedule.admit(i * 100) - i * 100);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(15);
    expect(Math.min(...delays)).toBeLessThan(15.5);
    expect(Math.max(...delays)).toBeLessThanOrEqual(25);
    expect(Math.max(...delays)).toBeGreaterThan(24.5);
  });

  it("loses the asked share, and the same frames for the same seed", () => {
    const lost = (seed: number): number[] => {
      const schedule = new DelaySchedule({ ...UNDELAYED, lossRatio: 0.1 }, createRandom(seed));
      return Array.from({ length: 10_000 }, (_, i) => i).filter((i) => schedule.admit(i) === -1);
    };
    expect(lost(3)).toEqual(lost(3));
    expect(lost(3)).not.toEqual(lost(4));
    expect(lost(3).length / 10_000).toBeCloseTo(0.1, 1);
  });

  it("loses everything while cut and nothing after", () => {
    const schedule = new DelaySchedule({ ...UNDELAYED, delayMs: 5, isCut: true }, createRandom(1));
    expect(schedule.admit(1)).toBe(-1);
    schedule.change({ ...UNDELAYED, delayMs: 5 });
    expect(schedule.admit(2)).toBe(7);
  });

  it("lets no frame overtake when the delay shrinks", () => {
    const schedule = new DelaySchedule({ ...UNDELAYED, delayMs: 100 }, createRandom(1));
    expect(schedule.admit(0)).toBe(100);
    schedule.change({ ...UNDELAYED, delayMs: 1 });
    expect([10, 50, 200].map((at) => schedule.admit(at))).toEqual([100, 100, 201]);
  });
});
