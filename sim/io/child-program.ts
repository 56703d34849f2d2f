/** Other programs, started with their output collected. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { errorCode, errorMessage } from "../../platform/errors.ts";
import { SimulationError } from "../errors.ts";

export interface ProgramOutcome {
  /** Null when a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end; an aborted signal kills it.
 *
 * @throws {SimulationError} ERR_SIM_ENGINE when it is not there
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  stdin: string,
  signal: AbortSignal | null,
  env: NodeJS.ProcessEnv = process.env,
): Promise<ProgramOutcome> {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env });
  const kill = (): void => void child.kill("SIGTERM");
  signal?.addEventListener("abort", kill);
  // It may end without reading what it is given.
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin);
  try {
    const ended = once(child, "close") as Promise<[number | null]>;
    const [stdout, stderr, [status]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      ended,
    ]);
    return { status, stdout, stderr };
  } catch (error) {
    throw programError(program, error);
  } finally {
    signal?.removeEventListener("abort", kill);
  }
}

export function programError(program: string, error: unknown): SimulationError {
  const problem =
    errorCode(error) === "ENOENT" ? "is not installed here" : `failed: ${errorMessage(error)}`;
  return new SimulationError("ERR_SIM_ENGINE", `${program} ${problem}`, { cause: error });
}

/** The last line of what a program complained about. */
export function lastLine(output: string): string {
  return output.trim().split("\n").at(-1) ?? "";
}
