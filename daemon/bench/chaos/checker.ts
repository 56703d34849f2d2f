/**
 * Judges a chaos run: knows every acknowledged write, and says which promise was broken.
 *
 * It is strict where the docs promise and silent where they do not; `Survival` has where the line
 * runs for what a lost disk may take along. Pure: history and final state in, violations out.
 */
import type { FinalState, RunHistory } from "./history.ts";
import { checkMembership } from "./membership-rules.ts";
import { RecordRules } from "./record-rules.ts";
import type { Violation } from "./violation.ts";
import { checkWatchEnds, checkWatchOrder } from "./watch-rules.ts";

/** How soon a put and its get work once all is mended, each. */
export const PROBE_MAX_MS = 5_000;

export function checkRun(
  history: RunHistory,
  final: FinalState,
  hostsPerSite: number,
): readonly Violation[] {
  const records = new RecordRules(history, hostsPerSite);
  return [
    ...checkDaemons(history, final),
    ...checkMembership(final),
    ...records.duringRun(),
    ...records.atTheEnd(final),
    ...records.afterCrashes(final),
    ...checkWatchOrder(history),
    ...checkWatchEnds(history, final, (value, atMs) => records.isCertain(value, atMs)),
    ...checkProbes(final),
  ];
}

function checkDaemons({ daemonEnds }: RunHistory, { bugLines }: FinalState): Violation[] {
  return [
    ...daemonEnds.map(({ host, atMs }) => ({
      rule: "daemon" as const,
      subject: host,
      what: `ended by itself ${(atMs / 1000).toFixed(1)} s into the run; its log says why`,
    })),
    ...bugLines.map(({ host, line }) => ({
      rule: "daemon" as const,
      subject: host,
      what: `logs a bug: ${line}`,
    })),
  ];
}

function checkProbes({ probes }: FinalState): Violation[] {
  return probes
    .filter(({ tookMs }) => !(tookMs <= PROBE_MAX_MS))
    .map(({ from, at, tookMs, error }) => ({
      rule: "liveness",
      subject: from,
      what:
        error === ""
          ? `a put and its get at ${at} took ${Math.round(tookMs)} ms`
          : `a put and its get at ${at} fail: ${error}`,
    }));
}
