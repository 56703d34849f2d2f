/** Timers of the process. */
import type { Timers } from "../timers.ts";

export const SYSTEM_TIMERS: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return { cancel: () => clearTimeout(timer) };
  },
  every(ms, run) {
    const timer = setInterval(run, ms).unref();
    return { cancel: () => clearInterval(timer) };
  },
  signalAfter: (ms) => AbortSignal.timeout(ms),
};
