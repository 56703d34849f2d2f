/**
 * `causeway sim overlay`: many seeds of the overlay's own machines under faults, and what they broke.
 *
 * The caller parses the arguments and prints; see docs/simulation-overlay.md.
 */
import { ConfigError } from "../../platform/errors.ts";
import { loadMutated } from "./io/mutated-sources.ts";
import { settle } from "./io/settle.ts";
import { MUTANTS, type Mutant } from "./mutants.ts";
import { drawScenario, FAULTS, type FaultType } from "./scenario.ts";
import { runScenario, type RunResult } from "./simulation.ts";
import type { Violation } from "./violation.ts";

export interface OverlayOptions {
  /** Seeds 1 to this are run. */
  readonly seeds: number;
  /** This one alone, with the trace of its events; null: the seeds above. */
  readonly seed: number | null;
  /** Names of the faults that may strike; empty: all. */
  readonly faults: readonly string[];
  /** A known bug to run with; null: the code as it is. */
  readonly mutant: string | null;
  /** One line of JSON in place of text. */
  readonly isJson: boolean;
}

/** Where the command speaks. */
export interface OverlayOutput {
  /** A line of the result. */
  print(line: string): void;
  /** How far it is; each takes the place of the last. */
  progress(line: string): void;
  /** Ends the run after the present seed. */
  readonly signal: AbortSignal;
}

export interface FailedSeed {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** The command that runs it again. */
  readonly replay: string;
}

export interface OverlayReport {
  readonly seeds: number;
  readonly failed: readonly FailedSeed[];
  readonly simulatedS: number;
  readonly events: number;
  /** Of the one seed that was run, or of all, one after the other: 16 hex digits each. */
  readonly traceHashes: readonly string[];
}

const SEEDS_MAX = 1_000_000;
const SEED_MAX = 2 ** 32 - 1;

/**
 * @returns what was found; the command's exit code is 1 when a seed failed
 * @throws {ConfigError} on an option that cannot be
 */
export async function runOverlayCommand(
  options: OverlayOptions,
  output: OverlayOutput,
): Promise<OverlayReport> {
  const { seeds, seed, faults, mutant, isJson, ...rest } = options;
  rest satisfies Record<string, never>;
  checkSeeds(seeds, seed);
  const chosen = mutant === null ? undefined : mutantNamed(mutant);
  const types = faultsNamed(faults, chosen);
  const run = chosen === undefined ? runScenario : await loadMutated(chosen, settle);
  const isTraced = seed !== null && !isJson;
  const results: RunResult[] = [];
  for (let at = seed ?? 1; at <= (seed ?? seeds) && !output.signal.aborted; at++) {
    const result = await run(drawScenario(at, types), { isTraced, settle });
    results.push(result);
    if (isTraced) for (const line of result.trace) output.print(line);
    const failed = results.filter(({ violations }) => violations.length > 0).length;
    output.progress(`${results.length} of ${seed === null ? seeds : 1} seeds, ${failed} failed`);
    if (!isJson && result.violations.length > 0) printFailure(result, options, output);
  }
  const report = reportOf(results, options);
  output.print(isJson ? JSON.stringify(report) : summaryOf(report));
  return report;
}

function checkSeeds(seeds: number, seed: number | null): void {
  if (!Number.isInteger(seeds) || seeds < 1 || seeds > SEEDS_MAX)
    throw new ConfigError("--seeds", `${seeds} is not a whole number from 1 to ${SEEDS_MAX}`);
  if (seed !== null && (!Number.isInteger(seed) || seed < 0 || seed > SEED_MAX))
    throw new ConfigError("--seed", `${seed} is not a whole number from 0 to ${SEED_MAX}`);
}

function mutantNamed(name: string): Mutant {
  const found = MUTANTS.find((mutant) => mutant.name === name);
  if (found !== undefined) return found;
  const names = MUTANTS.map((mutant) => mutant.name).join(", ");
  throw new ConfigError("--mutant", `no mutant "${name}"; there are ${names}`);
}

/** A mutant brings its own faults, unless others are asked for. */
function faultsNamed(names: readonly string[], mutant: Mutant | undefined): readonly FaultType[] {
  if (names.length === 0) return mutant?.faults ?? FAULTS;
  const wrong = names.find((name) => !(FAULTS as readonly string[]).includes(name));
  if (wrong !== undefined)
    throw new ConfigError("--faults", `no fault "${wrong}"; there are ${FAULTS.join(", ")}`);
  return FAULTS.filter((type) => names.includes(type));
}

function printFailure(
  { seed, violations }: RunResult,
  options: OverlayOptions,
  output: OverlayOutput,
): void {
  output.print(`seed ${seed} failed:`);
  for (const { promise, atMs, what } of violations)
    output.print(`  ${promise} at ${(atMs / 1000).toFixed(1)} s: ${what}`);
  if (options.seed === null) output.print(`  again: ${replayOf(seed, options)}`);
}

function replayOf(seed: number, { faults, mutant }: OverlayOptions): string {
  const given = [
    `--seed ${seed}`,
    ...(faults.length === 0 ? [] : [`--faults ${faults.join(",")}`]),
    ...(mutant === null ? [] : [`--mutant ${mutant}`]),
  ];
  return `causeway sim overlay ${given.join(" ")}`;
}

function reportOf(results: readonly RunResult[], options: OverlayOptions): OverlayReport {
  const sum = (of: (result: RunResult) => number): number =>
    results.reduce((total, result) => total + of(result), 0);
  const failed = results.filter(({ violations }) => violations.length > 0);
  return {
    seeds: results.length,
    failed: failed.map(({ seed, violations }) => ({
      ...{ seed, violations, replay: replayOf(seed, options) },
    })),
    simulatedS: Math.round(sum(({ simulatedMs }) => simulatedMs) / 1000),
    events: sum(({ events }) => events),
    traceHashes: results.map(({ traceHash }) => traceHash),
  };
}

function summaryOf({ seeds, failed, simulatedS, events, traceHashes }: OverlayReport): string {
  const kept = failed.length === 0 ? "all promises kept" : `${failed.length} failed`;
  const [hash] = traceHashes;
  const trace = seeds === 1 && hash !== undefined ? `, trace hash ${hash}` : "";
  return `${seeds} seeds, ${simulatedS} s simulated, ${events} events: ${kept}${trace}`;
}
