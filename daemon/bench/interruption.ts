/** What long benchmarks share: an end by ^C, and numbers from the command line. */
import { ConfigError, errorMessage } from "../../platform/errors.ts";
import type { CommandIo } from "../../platform/cli/command.ts";
import { BenchError } from "./errors.ts";

const STOPPED_STATUS = 130;

/** Runs something that takes its lab away when `signal` aborts. */
export async function untilStopped(
  work: (signal: AbortSignal) => Promise<number>,
  io: CommandIo,
): Promise<number> {
  const ending = new AbortController();
  const stop = (): void =>
    ending.abort(new BenchError("ERR_BENCH_STOPPED", "stopped; taking the lab away"));
  process.on("SIGINT", stop).on("SIGTERM", stop);
  try {
    return await work(ending.signal);
  } catch (error) {
    if (!ending.signal.aborted) throw error;
    io.stderr(errorMessage(ending.signal.reason));
    return STOPPED_STATUS;
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
}

/** @throws {ConfigError} unless it is a number within the bounds */
export function numberWithin(option: string, text: string, min: number, max: number): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new ConfigError(option, `"${text}" is not allowed; allowed: ${min} to ${max}`);
}
