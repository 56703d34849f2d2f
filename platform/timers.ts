/**
 * Waiting, as the rest of the code may do it.
 *
 * Code that waits by these and reads a `Clock` runs in real time and in a simulation's alike, and
 * cannot tell which.
 */

export interface Timer {
  /** It will not fire any more; harmless when it has. */
  cancel(): void;
}

export interface Timers {
  /** Once, so many ms from now. */
  after(ms: number, run: () => void): Timer;
  /** Again and again; keeps no process alive. */
  every(ms: number, run: () => void): Timer;
  /** Aborts so many ms from now; keeps no process alive. */
  signalAfter(ms: number): AbortSignal;
}

export function sleep(timers: Timers, ms: number): Promise<void> {
  return new Promise((resolve) => void timers.after(ms, resolve));
}
