/** Programs that make up a lab: run to their end, or started for good. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, openSync, closeSync } from "node:fs";
import { join } from "node:path";
import { LabError } from "./errors.ts";
import { LAB_MARK, markProcess, type ProcessMark } from "./processes.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Our own environment with the lab's mark; system programs are found even from a user's PATH. */
export function labEnvironment(mark: string): Environment {
  return { ...process.env, PATH: searchPath(), [LAB_MARK]: mark };
}

/**
 * Runs a program to its end.
 *
 * @returns its standard output
 * @throws {LabError} ERR_LAB_COMMAND with its standard error when it fails
 */
export async function run(argv: readonly string[], env: Environment): Promise<string> {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (bytes: Buffer) => out.push(bytes));
  child.stderr.on("data", (bytes: Buffer) => err.push(bytes));
  const [status, signal] = (await once(child, "close")) as [number | null, string | null];
  if (status === 0) return Buffer.concat(out).toString();
  const said = Buffer.concat(err).toString().trim();
  throw new LabError(
    "ERR_LAB_COMMAND",
    `${argv.slice(0, 4).join(" ")} failed (${signal ?? status}): ${said || "it says nothing"}`,
  );
}

/** Starts a program in a session of its own, its output going to the end of a file. */
export async function startDetached(
  argv: readonly string[],
  env: Environment,
  logFile: string,
): Promise<ProcessMark> {
  const [program = "", ...args] = argv;
  const log = openSync(logFile, "a");
  try {
    const child = spawn(program, args, { env, detached: true, stdio: ["ignore", log, log] });
    await once(child, "spawn");
    child.unref();
    const mark = markProcess(child.pid!);
    if (!mark) throw new LabError("ERR_LAB_COMMAND", `${program} ended at once; see ${logFile}`);
    return mark;
  } finally {
    closeSync(log);
  }
}

/** Which of these programs are not installed. */
export function missingPrograms(programs: readonly string[]): string[] {
  const directories = searchPath().split(":");
  return programs.filter((program) => !directories.some((one) => isRunnable(join(one, program))));
}

function searchPath(): string {
  return `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin:/usr/bin:/bin`;
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
