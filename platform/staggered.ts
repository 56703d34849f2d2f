/** Several ways to one end: the next is tried when the last failed or takes long; one wins. */
import assert from "node:assert/strict";
import type { Timer, Timers } from "./timers.ts";

export interface Attempts<Way, Result> {
  /** At least one, best first. */
  readonly ways: readonly Way[];
  readonly staggerMs: number;
  /** Ends all attempts. */
  readonly signal: AbortSignal;
  /** Each gets a signal that aborts when it is no longer wanted. */
  attempt(way: Way, signal: AbortSignal): Promise<Result>;
  /** Whether that failure makes all others vain. */
  isFinal(error: unknown): boolean;
  /** A result that came when another had won already. */
  discard(result: Result): void;
}

/** @throws what the last attempt threw, when all failed; the reason of `signal` when that aborts */
export async function raceStaggered<Way, Result>(
  attempts: Attempts<Way, Result>,
  timers: Timers,
): Promise<Result> {
  const { ways, staggerMs, signal, attempt, isFinal, discard } = attempts;
  assert(ways.length > 0, "no way to try");
  signal.throwIfAborted();
  const ending = new AbortController();
  const unwanted = AbortSignal.any([signal, ending.signal]);
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  let [begun, failed, isDone] = [0, 0, false];
  let timer: Timer | undefined;
  const settle = (act: () => void): void => {
    isDone = true;
    timer?.cancel();
    act();
    ending.abort();
  };
  const fail = (error: unknown): void => {
    failed++;
    if (isDone) return;
    if (failed === ways.length || isFinal(error)) settle(() => reject(error));
    else begin();
  };
  const begin = (): void => {
    timer?.cancel();
    const way = ways[begun];
    if (way === undefined) return;
    begun++;
    attempt(way, unwanted).then(
      (result) => (isDone ? discard(result) : settle(() => resolve(result))),
      fail,
    );
    timer = timers.after(staggerMs, begin);
  };
  const stop = (): void => settle(() => reject(signal.reason as Error));
  signal.addEventListener("abort", stop, { once: true });
  begin();
  return promise.finally(() => signal.removeEventListener("abort", stop));
}
