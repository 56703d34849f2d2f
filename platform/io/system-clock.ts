/** The machine's own clock. */
import type { Clock } from "../clock.ts";

export interface SystemClockOptions {
  /** Added to the wall clock, in ms; lets a test or a lab see a host whose clock is off. */
  readonly wallOffsetMs: number;
}

export function createSystemClock(given: Partial<SystemClockOptions> = {}): Clock {
  const { wallOffsetMs = 0, ...rest } = given;
  rest satisfies Record<string, never>;
  return {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now() + wallOffsetMs,
  };
}
