import { describe, expect, it } from "vitest";
import { reportLines } from "../../platform/bench/report.ts";
import { runSoak } from "../../daemon/bench/soak/soak-run.ts";
import { LAB_MISSING, ownLabName } from "../system/lab-requirements.ts";

/** Less with `SOAK_MINUTES`; from half an hour on the slope says something. */
const MINUTES = Number(process.env["SOAK_MINUTES"] ?? 60);

describe.skipIf(LAB_MISSING !== undefined)("twelve hosts under puts and churn", () => {
  it(
    `do not grow in ${MINUTES} minutes`,
    async () => {
      const durationMs = MINUTES * 60_000;
      const result = await runSoak({ durationMs, name: ownLabName("s"), progress: console.log });
      const lines = reportLines(result).join("\n");
      console.log(lines);
      expect(
        result.figures.filter(({ isPassed }) => !isPassed),
        lines,
      ).toEqual([]);
      expect(result.failedPuts).toBeLessThan(result.puts * 0.02);
      expect(result.changes).toBeGreaterThan(MINUTES);
    },
    (MINUTES + 10) * 60_000,
  );
});
