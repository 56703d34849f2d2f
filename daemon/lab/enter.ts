/** Running programs on a host of a lab, as if it were a machine. */
import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { avahiAnchor } from "./avahi.ts";
import { CLOCK_VARIABLE, clockFile } from "./clocks.ts";
import { diskDirectory } from "./disks.ts";
import {
  findSite,
  hostDirectory,
  labDirectory,
  type HostRecord,
  type LabRecord,
} from "./record.ts";
import { labEnvironment, type Environment } from "./run.ts";

export interface EnterOptions {
  /** Default: our own. */
  readonly cwd: string;
  /** Added to our own environment and the host's. */
  readonly env: Environment;
  /** Default: three pipes. */
  readonly stdio: StdioOptions;
  /** In a session of its own, to outlive us. Default `false`. */
  readonly detached: boolean;
}

export interface ExecOptions {
  /** Default: our own. */
  readonly cwd: string;
  readonly env: Environment;
  /** What the program reads. Default: nothing. */
  readonly input: string | Uint8Array;
  /** Kills the program. */
  readonly signal: AbortSignal;
}

export interface ExecResult {
  /** Exit status; 128 and the signal's number when it died by one. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where this program's `causeway` is: beside the sources, or one above what was built of them. */
export const BIN_DIRECTORY = ["../../bin", "../../../bin"]
  .map((path) => join(import.meta.dirname, path))
  .find((path, index, all) => existsSync(join(path, "causeway")) || index === all.length - 1)!;

/** The paths by which a host's daemon and its clients find each other. */
export function hostPaths(lab: string, host: string) {
  const directory = hostDirectory(lab, host);
  const disk = diskDirectory(lab, host);
  return {
    directory,
    socket: join(directory, "causeway.sock"),
    state: join(existsSync(disk) ? disk : directory, "state"),
    log: join(directory, "daemon.log"),
  };
}

/**
 * Starts a program on a host; its process number is the program's own.
 *
 * The host has its own network, host name and, with Avahi, its own `/run`; everything else is the
 * machine's.
 */
export function spawnOnHost(
  lab: LabRecord,
  host: HostRecord,
  argv: readonly string[],
  given: Partial<EnterOptions> = {},
): ChildProcess {
  const { cwd = process.cwd(), env = {}, stdio = "pipe", detached = false, ...rest } = given;
  rest satisfies Record<string, never>;
  const [program = "", ...args] = [...enterCommand(lab, host, cwd), ...argv];
  return spawn(program, args, {
    cwd,
    stdio,
    detached,
    env: { ...hostEnvironment(lab, host), ...env },
  });
}

/** Runs a program on a host to its end. */
export async function execOnHost(
  lab: LabRecord,
  host: HostRecord,
  argv: readonly string[],
  given: Partial<ExecOptions> = {},
): Promise<ExecResult> {
  const { cwd = process.cwd(), env = {}, input = "", signal, ...rest } = given;
  rest satisfies Record<string, never>;
  const child = spawnOnHost(lab, host, argv, { cwd, env });
  const kill = (): void => void child.kill("SIGKILL");
  signal?.addEventListener("abort", kill);
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout!.on("data", (bytes: Buffer) => out.push(bytes));
  child.stderr!.on("data", (bytes: Buffer) => err.push(bytes));
  child.stdin!.on("error", () => {}); // it need not read all
  child.stdin!.end(input);
  try {
    const ended = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    return {
      status: exitStatus(...ended),
      stdout: Buffer.concat(out).toString(),
      stderr: Buffer.concat(err).toString(),
    };
  } finally {
    signal?.removeEventListener("abort", kill);
  }
}

const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

/** Runs a program on a host with our standard streams, and hands our signals on to it. */
export async function attachToHost(
  lab: LabRecord,
  host: HostRecord,
  argv: readonly string[],
): Promise<number> {
  const child = spawnOnHost(lab, host, argv, { stdio: "inherit" });
  const forward = (signal: NodeJS.Signals): void => {
    // A terminal sends these two to the whole group, the program included.
    if (process.stdin.isTTY && (signal === "SIGINT" || signal === "SIGQUIT")) return;
    child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  try {
    return exitStatus(...((await once(child, "exit")) as [number | null, NodeJS.Signals | null]));
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward);
  }
}

export function exitStatus(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}

/** What a program on a host finds in its environment. */
export function hostEnvironment(lab: LabRecord, host: HostRecord): Environment {
  const { socket, state } = hostPaths(lab.name, host.name);
  const env = labEnvironment(labDirectory(lab.name));
  return {
    ...env,
    PATH: `${BIN_DIRECTORY}${delimiter}${env["PATH"]}`,
    CAUSEWAY_SOCKET: socket,
    CAUSEWAY_STATE: state,
    [CLOCK_VARIABLE]: clockFile(lab.name, host.name),
  };
}

/** What stands before a command to run it on the host; each step gives way to the next by exec. */
function enterCommand(lab: LabRecord, host: HostRecord, cwd: string): string[] {
  if (findSite(lab, host.home).hasAvahi) {
    const { pid } = avahiAnchor(lab.name, host);
    // The working directory is looked up again, in the mount namespace that is entered.
    const script = 'cd "$1" && shift && exec "$@"';
    return ["nsenter", "-t", String(pid), "-m", "-n", "-u", "sh", "-c", script, host.name, cwd];
  }
  const script = 'echo "$0" >/proc/sys/kernel/hostname && exec "$@"';
  const enter = ["ip", "netns", "exec", host.namespace, "unshare", "--uts"];
  return [...enter, "sh", "-c", script, host.name];
}
