/** Scenarios to test the engine and its protocols with. */
import { resolveScenario } from "../../sim/scenario/resolve.ts";
import type { Scenario } from "../../sim/scenario/scenario.ts";

/** The defaults with 200 nodes in two seconds and sooner churn, and what a test changes of it. */
export function scenarioOf(changes: Partial<Scenario> = {}): Scenario {
  const defaults = resolveScenario([]);
  return {
    ...defaults,
    ...{ nodes: 200, rate: 100, durationS: 10 },
    server: { ...defaults.server, queueMax: 100, retryMs: 1000 },
    churn: { ...defaults.churn, sessionS: 60, absenceS: 30, shape: 1, startS: 0 },
    records: { ...defaults.records, putAtS: 20 },
    ...changes,
  };
}
