/** ^C and SIGTERM, for those who want to end in good order. */

import { SimulationError } from "../errors.ts";

/** Calls `work` with a signal that is aborted when the user ends the program. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupted = new AbortController();
  const interrupt = (): void =>
    interrupted.abort(new SimulationError("ERR_SIM_INTERRUPTED", "interrupted before its end"));
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    return await work(interrupted.signal);
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}
