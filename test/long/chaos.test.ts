import { describe, expect, it } from "vitest";
import { runChaos } from "../../daemon/bench/chaos/chaos-run.ts";
import { chaosLines } from "../../daemon/bench/chaos/run-report.ts";
import { CHAOS_BUGS } from "../system/fixtures/chaos-bugs.ts";
import { buildVariant } from "../system/fixtures/variant-build.ts";
import { LAB_MISSING, ownLabName } from "../system/lab-requirements.ts";

/** Minutes of faults; less with `CHAOS_MINUTES`. */
const MINUTES = Number(process.env["CHAOS_MINUTES"] ?? 30);
/** Each run another, told with what it finds; `CHAOS_SEED` repeats one. */
const SEED = Number(process.env["CHAOS_SEED"] ?? Math.floor(Date.now() / 60_000) % 1_000_000);
const BUG_SETTLE_MS = 30_000;

describe.skipIf(LAB_MISSING !== undefined)("the chaos run", () => {
  it(
    `breaks no promise in ${MINUTES} minutes, seed ${SEED}`,
    async () => {
      const durationMs = MINUTES * 60_000;
      const result = await runChaos({ durationMs, seed: SEED, name: ownLabName("l") });
      const lines = chaosLines(result).join("\n");
      console.log(lines);
      expect(result.violations, lines).toEqual([]);
    },
    (MINUTES + 15) * 60_000,
  );

  it.each(CHAOS_BUGS.map((bug) => [bug.name, bug] as const))(
    "finds a build with a bug: %s; and lets the real one pass by the same faults",
    async (name, { patches, profile, rules }) => {
      const options = { ...profile, settleMs: BUG_SETTLE_MS, name: ownLabName("b") };
      const program = await buildVariant(name.replaceAll(" ", "-"), patches);
      const ill = await runChaos({ ...options, program });
      const found = ill.violations.filter(({ rule }) => rules.includes(rule));
      expect(found.length, chaosLines(ill).join("\n")).toBeGreaterThan(0);
      const well = await runChaos({ ...options, settleMs: 90_000 });
      expect(well.violations, chaosLines(well).join("\n")).toEqual([]);
    },
    15 * 60_000,
  );
});
