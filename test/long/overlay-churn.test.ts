import { describe, expect, it } from "vitest";
import { createFleet, subnetsOf } from "../../daemon/bench/overlay/churn/fleet.ts";
import { planChurn } from "../../daemon/bench/overlay/churn/plan.ts";
import { runPlan } from "../../daemon/bench/overlay/churn/run.ts";
import { LAB_MISSING } from "../system/lab-requirements.ts";

const EVENTS = 60;
const SEED = 3;
/** It takes four minutes on a machine that does nothing else. */
const LIMIT_MS = 900_000;

describe.skipIf(LAB_MISSING !== undefined)("hosts that come and go", () => {
  it(
    "change no routing table and fail no get, while whole subnets leave every table",
    async () => {
      const churning = subnetsOf(["alpha", "beta", "gamma"], 3);
      const [lost, cut] = subnetsOf(["lost", "cut"], 2);
      const plan = planChurn({ churning, lost, cut: cut! }, EVENTS, SEED);
      const fleet = createFleet("subnets", [...churning, lost, cut!], SEED);
      const run = {
        isQuick: true,
        seed: SEED,
        events: EVENTS,
        isFlat: false,
        signal: AbortSignal.timeout(LIMIT_MS),
        progress: () => {},
      };
      try {
        const result = await runPlan(plan, fleet, SEED, run);
        expect(result.sums.unexplained).toBe(0);
        expect(result.missing).toBe(0);
        expect(result.lostGets).toEqual([]);
        expect(result.refusedPuts).toEqual([]);
        expect(result.lostGoneMs).toBeLessThan(60_000);
        expect(result.cutGoneMs).toBeLessThan(60_000);
        expect(result.sums.failedCalls / result.sums.gets).toBeLessThan(0.05);
      } finally {
        fleet.remove();
      }
    },
    LIMIT_MS,
  );
});
