import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSystemClock } from "../../../platform/io/system-clock.ts";

const HOUR_MS = 3_600_000;

describe("the machine's clock", () => {
  let file: string;

  beforeEach(() => {
    file = join(mkdtempSync(join(tmpdir(), "clock-test-")), "offset");
  });

  afterEach(() => {
    rmSync(join(file, ".."), { recursive: true });
  });

  const aheadMs = (clock: { wallMs(): number }): number =>
    Math.round((clock.wallMs() - Date.now()) / 1000) * 1000;

  it("is right when nothing is said", () => {
    expect(aheadMs(createSystemClock())).toBeCloseTo(0);
    expect(aheadMs(createSystemClock({ wallOffsetFile: file }))).toBeCloseTo(0);
  });

  it("adds what it is told and what stands in a file", () => {
    writeFileSync(file, `${2 * HOUR_MS}\n`);
    const clock = createSystemClock({ wallOffsetMs: HOUR_MS, wallOffsetFile: file });
    expect(aheadMs(clock)).toBe(3 * HOUR_MS);
    expect(clock.monotonicMs()).toBeLessThan(HOUR_MS);
  });

  it("reads the file again after a second and not before", async () => {
    writeFileSync(file, String(HOUR_MS));
    const clock = createSystemClock({ wallOffsetFile: file });
    expect(aheadMs(clock)).toBe(HOUR_MS);
    writeFileSync(file, String(-HOUR_MS));
    expect(aheadMs(clock)).toBe(HOUR_MS);
    await new Promise((resolve) => setTimeout(resolve, 1010));
    expect(aheadMs(clock)).toBe(-HOUR_MS);
  });

  it("takes a file without a number for none", () => {
    writeFileSync(file, "soon");
    expect(aheadMs(createSystemClock({ wallOffsetFile: file }))).toBeCloseTo(0);
  });
});
