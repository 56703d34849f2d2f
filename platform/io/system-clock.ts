/** The machine's own clock. */
import { readFileSync } from "node:fs";
import type { Clock } from "../clock.ts";

export interface SystemClockOptions {
  /** Added to the wall clock, in ms; lets a test see a host whose clock is off. Default 0. */
  readonly wallOffsetMs: number;
  /**
   * A file with a number of ms to add as well, read again once a second at most, so that a lab can
   * set the clock of a host that runs. While it is not there, nothing is added. Default: none.
   */
  readonly wallOffsetFile: string | null;
}

const READ_EVERY_MS = 1000;

export function createSystemClock(given: Partial<SystemClockOptions> = {}): Clock {
  const { wallOffsetMs = 0, wallOffsetFile = null, ...rest } = given;
  rest satisfies Record<string, never>;
  const offsetMs = wallOffsetFile === null ? () => 0 : offsetReader(wallOffsetFile);
  return {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now() + wallOffsetMs + offsetMs(),
  };
}

function offsetReader(file: string): () => number {
  let offsetMs = 0;
  let readAtMs = -Infinity;
  return () => {
    const nowMs = performance.now();
    if (nowMs - readAtMs < READ_EVERY_MS) return offsetMs;
    readAtMs = nowMs;
    offsetMs = readOffset(file);
    return offsetMs;
  };
}

function readOffset(file: string): number {
  try {
    const offsetMs = Number(readFileSync(file, "utf8"));
    return Number.isFinite(offsetMs) ? offsetMs : 0;
  } catch {
    return 0; // nobody has set it
  }
}
