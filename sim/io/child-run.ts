/** Single runs in processes of their own, so that each has its own memory and compiled code. */
import { SimulationError } from "../errors.ts";
import { parseResult } from "../results/result-file.ts";
import type { SimulationResult } from "../results/result.ts";
import type { Scenario } from "../scenario/scenario.ts";
import { lastLine, runProgram } from "./child-program.ts";
import { ownEnvironment, ownProgram } from "./own-program.ts";

/** @throws {SimulationError} ERR_SIM_POINT when it does not work */
export async function runInChild(
  scenario: Scenario,
  signal: AbortSignal,
): Promise<SimulationResult> {
  const stdout = await runPoint([], scenario, signal);
  const result = parseResult(stdout);
  if (result === null) throw failure("printed no result");
  return result;
}

/**
 * The function that V8 threw compiled code of away for, once for each time it did so in a run.
 *
 * @throws {SimulationError} ERR_SIM_POINT when it does not work
 */
export async function traceDeopts(
  scenario: Scenario,
  signal: AbortSignal,
): Promise<readonly string[]> {
  // V8 writes to standard output too, and may do so in the midst of the result's line.
  const stdout = await runPoint(["--trace-deopt"], scenario, signal);
  return [...stdout.matchAll(/\[bailout \(kind: [^\n]*?(?:<JSFunction ([^ >]*)|\n)/g)].map(
    ([, name]) => name ?? "",
  );
}

async function runPoint(
  flags: readonly string[],
  scenario: Scenario,
  signal: AbortSignal,
): Promise<string> {
  const [program, ...args] = ownProgram();
  const { status, stdout, stderr } = await runProgram(
    program,
    [...flags, ...args, "sim", "point"],
    `${JSON.stringify(scenario)}\n`,
    signal,
    ownEnvironment(),
  );
  signal.throwIfAborted();
  if (status !== 0)
    throw failure(complaint(stderr) || lastLine(stderr) || `ended with status ${status}`);
  return stdout;
}

/** What the program says of itself; a bug has its place in lines after that. */
function complaint(stderr: string): string {
  return /^causeway: (.*)$/m.exec(stderr)?.[1] ?? "";
}

function failure(problem: string): SimulationError {
  return new SimulationError("ERR_SIM_POINT", `a run in a process of its own: ${problem}`);
}
