/** One run on this machine, with what it cost. */
import { hostname } from "node:os";
import { readVersion } from "../../platform/io/version.ts";
import type { SimulationResult } from "../results/result.ts";
import type { ScenarioInputs } from "../scenario/inputs.ts";
import { refuseTooLarge } from "../scenario/memory.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { readInputs } from "./input-files.ts";

export interface Progress {
  readonly simulatedS: number;
  readonly durationS: number;
  readonly events: number;
}

export interface RunHooks {
  onProgress(progress: Progress): void;
  readonly signal: AbortSignal;
}

/** What the engine tells of a run. */
export type Findings = Omit<SimulationResult, "version" | "run">;

/** The engine, as its users see it. */
export type RunEngine = (
  scenario: Scenario,
  inputs: ScenarioInputs,
  hooks: RunHooks,
) => Promise<Findings>;

/**
 * Runs a scenario, and adds the version and the `run` block.
 *
 * @throws {ConfigError} when it does not fit into memory, or its files are wrong
 */
export async function runMeasured(
  engine: RunEngine,
  scenario: Scenario,
  hooks: RunHooks,
): Promise<SimulationResult> {
  refuseTooLarge(scenario, process.availableMemory());
  const inputs = await readInputs(scenario);
  const startedAtMs = performance.now();
  const cpuBefore = process.cpuUsage();
  const found = await engine(scenario, inputs, hooks);
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    version: readVersion(),
    ...found,
    scenario,
    run: {
      cpuS: (user + system) / 1e6,
      wallS: (performance.now() - startedAtMs) / 1000,
      rssBytes: process.resourceUsage().maxRSS * 1024,
      host: hostname(),
      date: new Date().toISOString(),
      node: process.version,
    },
  };
}
