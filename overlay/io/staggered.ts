/**
 * Tries candidates one after the other: the next at once when one fails, and also when one is slow.
 *
 * One hung host of a set costs the stagger, not a time-out (mDHT §3.3.2, parallel queries to a
 * single node).
 */
import { OverlayError } from "../errors.ts";

/**
 * @param staggerMs wait before a slow candidate gets company
 * @param isFinal   errors that no other candidate would mend; they end the race
 * @throws the final error, or the last candidate's; ERR_OVERLAY_UNREACHABLE without candidates
 */
export function tryStaggered<C, R>(
  candidates: readonly C[],
  attempt: (candidate: C) => Promise<R>,
  staggerMs: number,
  isFinal: (error: unknown) => boolean = () => false,
): Promise<R> {
  const { promise, resolve, reject } = Promise.withResolvers<R>();
  let next = 0;
  let running = 0;
  let isSettled = false;
  let timer: NodeJS.Timeout | undefined;
  const settle = (how: () => void): void => {
    isSettled = true;
    clearTimeout(timer);
    how();
  };
  const begin = (): void => {
    clearTimeout(timer);
    const candidate = candidates[next++];
    if (isSettled || candidate === undefined) return;
    running++;
    if (next < candidates.length) timer = setTimeout(begin, staggerMs);
    attempt(candidate).then(
      (result) => isSettled || settle(() => resolve(result)),
      (error: unknown) => {
        running--;
        if (isSettled) return;
        if (isFinal(error)) settle(() => reject(error));
        else if (next < candidates.length) begin();
        else if (running === 0) settle(() => reject(error));
      },
    );
  };
  if (candidates.length === 0)
    reject(new OverlayError("ERR_OVERLAY_UNREACHABLE", "no host of it is known"));
  else begin();
  return promise;
}
