/** Candidates one after the other, in the process' own time. */
import { SYSTEM_TIMERS } from "../../platform/io/system-timers.ts";
import { tryEach } from "../peers/try-each.ts";

/** @throws as `tryEach` */
export function tryStaggered<C, R>(
  candidates: readonly C[],
  attempt: (candidate: C) => Promise<R>,
  staggerMs: number,
  isFinal?: (error: unknown) => boolean,
): Promise<R> {
  return tryEach(SYSTEM_TIMERS, candidates, attempt, staggerMs, isFinal);
}
