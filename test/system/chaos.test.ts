import { describe, expect, it } from "vitest";
import { runChaos } from "../../daemon/bench/chaos/chaos-run.ts";
import { chaosLines } from "../../daemon/bench/chaos/run-report.ts";
import { LAB_MISSING, ownLabName } from "./lab-requirements.ts";

const SEED = 20;
const DURATION_MS = 150_000;

describe.skipIf(LAB_MISSING !== undefined)("an overlay that is struck by faults under load", () => {
  it("keeps every promise", async () => {
    const result = await runChaos({ durationMs: DURATION_MS, seed: SEED, name: ownLabName("x") });
    const lines = chaosLines(result);
    console.log(lines.join("\n"));
    expect(result.violations, lines.join("\n")).toEqual([]);
    // A run in which nothing happened would prove nothing.
    const { operations, faults, watches } = result.history;
    expect(operations.filter(({ outcome }) => outcome === "acknowledged").length).toBeGreaterThan(
      200,
    );
    expect(faults.length).toBeGreaterThan(15);
    expect(watches.length).toBeGreaterThan(10);
  }, 600_000);
});
