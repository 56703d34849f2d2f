/** Several ways to one end, in the process' own time. */
import { raceStaggered, type Attempts } from "../staggered.ts";
import { SYSTEM_TIMERS } from "./system-timers.ts";

/** @throws what the last attempt threw, when all failed; the reason of `signal` when that aborts */
export function tryStaggered<Way, Result>(attempts: Attempts<Way, Result>): Promise<Result> {
  return raceStaggered(attempts, SYSTEM_TIMERS);
}
