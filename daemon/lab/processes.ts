/**
 * Processes, told apart from later ones that got the same number.
 *
 * A lab's processes are found by where they live (a network namespace of the lab) or by the mark
 * in their environment, not only by a list of numbers: what was started a moment before a
 * `kill -9` stands in no list.
 */
import { readFileSync, readdirSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { errorCode } from "../../platform/errors.ts";
import { LabError } from "./errors.ts";

/** Environment variable that all processes of a lab carry; its value is the lab's directory. */
export const LAB_MARK = "CAUSEWAY_LAB";

export interface ProcessMark {
  readonly pid: number;
  /** Clock ticks from boot to its start, as /proc/PID/stat has it. */
  readonly startTime: string;
}

export type ProcessState = "running" | "paused" | "gone";

/** The mark of a live process; `undefined` when there is none of that number. */
export function markProcess(pid: number): ProcessMark | undefined {
  const fields = statFields(pid);
  if (!fields || fields.state === "Z") return undefined;
  return { pid, startTime: fields.startTime };
}

export function processState({ pid, startTime }: ProcessMark): ProcessState {
  const fields = statFields(pid);
  // A zombie is done; whoever started it may never ask.
  if (!fields || fields.startTime !== startTime || fields.state === "Z") return "gone";
  return fields.state === "T" ? "paused" : "running";
}

/** Waits for a process to end; `false` when it still runs after `waitMs`. */
export async function hasEnded(mark: ProcessMark, waitMs: number): Promise<boolean> {
  const until = performance.now() + waitMs;
  while (processState(mark) !== "gone") {
    if (performance.now() > until) return false;
    await sleep(10);
  }
  return true;
}

/** Signals the whole group that a process leads; the process may be gone already. */
export function signalGroup(mark: ProcessMark, signal: NodeJS.Signals): void {
  if (processState(mark) === "gone") return;
  sendSignal(-mark.pid, signal);
}

/** Where the processes of a lab are known by. */
export interface LabTraces {
  /** Paths of network namespaces; absent ones are passed over. */
  readonly namespaces: readonly string[];
  /** Value of `LAB_MARK`. */
  readonly mark: string;
}

/**
 * Kills all processes of a lab, again and again until there are none: one that was forking when
 * the list was made has a child that is not on it. Spares this process and its ancestors.
 *
 * @throws {LabError} ERR_LAB_LEFT when some will not end within 5 s
 */
export async function killLabProcesses(traces: LabTraces): Promise<void> {
  const until = performance.now() + 5000;
  for (;;) {
    const found = findLabProcesses(traces);
    if (found.length === 0) return;
    if (performance.now() > until)
      throw new LabError("ERR_LAB_LEFT", `processes ${found.join(", ")} do not end; kill them`);
    for (const pid of found) sendSignal(pid, "SIGKILL");
    await sleep(5);
  }
}

/** Numbers of all processes in the namespaces or with the mark, but zombies and ourselves. */
export function findLabProcesses({ namespaces, mark }: LabTraces): number[] {
  const inodes = new Set(namespaces.map(inodeOf).filter((inode) => inode !== undefined));
  const spared = ownLine();
  const variable = `${LAB_MARK}=${mark}`;
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      if (spared.has(pid) || markProcess(pid) === undefined) return false;
      const inode = inodeOf(`/proc/${pid}/ns/net`);
      return (inode !== undefined && inodes.has(inode)) || environment(pid).includes(variable);
    });
}

/** This process, its parent and so on. */
function ownLine(): ReadonlySet<number> {
  const line = new Set<number>();
  for (let pid = process.pid; pid > 0 && !line.has(pid); pid = statFields(pid)?.parent ?? 0)
    line.add(pid);
  return line;
}

function environment(pid: number): readonly string[] {
  return readOrUndefined(`/proc/${pid}/environ`)?.split("\0") ?? [];
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined; // gone meanwhile
  }
}

function statFields(pid: number): { state: string; parent: number; startTime: string } | undefined {
  const text = readOrUndefined(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name, in parentheses, may hold anything, blanks and parentheses too.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", parent: Number(fields[1]), startTime: fields[19] ?? "" };
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errorCode(error) !== "ESRCH") throw error;
  }
}
