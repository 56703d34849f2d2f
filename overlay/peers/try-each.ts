/**
 * Tries candidates one after the other: the next at once when one fails, and also when one is slow.
 *
 * One hung host of a set costs the stagger, not a time-out (mDHT §3.3.2, parallel queries to a
 * single node).
 */
import { raceStaggered } from "../../platform/staggered.ts";
import type { Timers } from "../../platform/timers.ts";
import { OverlayError } from "../errors.ts";

/**
 * @param staggerMs wait before a slow candidate gets company
 * @param isFinal   errors that no other candidate would mend; they end the race
 * @throws the final error, or the last candidate's; ERR_OVERLAY_UNREACHABLE without candidates
 */
export async function tryEach<C, R>(
  timers: Timers,
  candidates: readonly C[],
  attempt: (candidate: C) => Promise<R>,
  staggerMs: number,
  isFinal: (error: unknown) => boolean = () => false,
): Promise<R> {
  if (candidates.length === 0)
    throw new OverlayError("ERR_OVERLAY_UNREACHABLE", "no host of it is known");
  return raceStaggered(
    {
      ways: candidates,
      staggerMs,
      signal: new AbortController().signal,
      attempt: (way) => attempt(way),
      isFinal,
      discard: () => {},
    },
    timers,
  );
}
