/**
 * A log that a peer cannot fill: of one kind of warning only so many lines a minute are written, and
 * the next one says how many were left out.
 */
import type { Clock } from "./clock.ts";
import type { Logger } from "./logger.ts";

const WINDOW_MS = 60_000;
const LINES_MAX = 20;

interface Window {
  startMs: number;
  written: number;
  left: number;
}

/** Limits warnings by their event; what is less severe, or worse, goes through. */
export function limitWarnings(log: Logger, clock: Clock): Logger {
  const windows = new Map<string, Window>();
  return {
    ...log,
    warn: (event, fields = {}) => {
      const nowMs = clock.monotonicMs();
      let window = windows.get(event);
      if (window === undefined || nowMs - window.startMs >= WINDOW_MS) {
        window = { startMs: nowMs, written: 0, left: window?.left ?? 0 };
        windows.set(event, window);
      }
      if (window.written >= LINES_MAX) {
        window.left++;
        return;
      }
      window.written++;
      log.warn(event, window.left > 0 ? { ...fields, leftOut: window.left } : fields);
      window.left = 0;
    },
  };
}
