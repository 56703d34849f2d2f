/** Commands that go on until the user ends them. */
import type { CommandIo } from "../../platform/cli/command.ts";

/**
 * Works until the daemon ends it, or ^C does.
 *
 * @returns the exit status: 0 after ^C, 1 when the daemon stopped
 */
export async function untilInterrupted(
  io: CommandIo,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<number> {
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    await work(interrupted.signal);
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
  if (interrupted.signal.aborted) return 0;
  io.stderr("causeway: the daemon stopped");
  return 1;
}
