/** Asks a daemon to end, and waits until it is gone. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { errorCode } from "../../platform/errors.ts";
import type { StopAnswer, StoppedLine } from "../api/api-types.ts";
import { callApiLines } from "../api/client.ts";

const POLL_MS = 10;
/** The daemon has let go of everything by then; this bounds the wait for its process only. */
const EXIT_TIMEOUT_MS = 3000;

export interface Stopped {
  readonly pid: number;
  /** What did not work while stopping. */
  readonly problem: string | undefined;
}

/**
 * @param path  `/v1/down` or `/v1/leave`
 * @throws {DaemonError} when there is none, or it broke off
 */
export async function stopDaemon(
  socket: string,
  path: string,
  body: object = {},
): Promise<Stopped> {
  const lines = callApiLines<StopAnswer | StoppedLine>({
    socket,
    method: "POST",
    path,
    body: Buffer.from(JSON.stringify(body)),
  });
  let pid = 0;
  let problem: string | undefined = "the daemon ended before it had let go of everything";
  for await (const line of lines) {
    if ("pid" in line) pid = line.pid;
    else ({ problem } = line);
  }
  const until = performance.now() + EXIT_TIMEOUT_MS;
  while (isRunning(pid) && performance.now() < until) await sleep(POLL_MS);
  return { pid, problem };
}

function isRunning(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0) && !isZombie(pid);
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

/** Ended, and only waiting for its parent to ask how; `/proc` tells where there is one. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
  } catch {
    return false;
  }
}
