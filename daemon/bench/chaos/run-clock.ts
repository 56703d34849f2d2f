/** The one clock of a run: ms since its load began. */
export type RunClock = () => number;

export function startRunClock(): RunClock {
  const startedMs = performance.now();
  return () => performance.now() - startedMs;
}
