/** The line that tells how far a run is. */

export interface ProgressView {
  readonly simulatedS: number;
  readonly durationS: number;
  readonly events: number;
  /** Of late. */
  readonly eventsPerS: number;
  /** Null while nobody can tell. */
  readonly leftS: number | null;
  readonly rssBytes: number;
}

/** `12.4 of 25 s, 1.31 M events, 0.98 M/s, 12 s left, 96 MB`. */
export function renderProgress(view: ProgressView): string {
  const { simulatedS, durationS, events, eventsPerS, leftS, rssBytes } = view;
  return [
    `${simulatedS.toFixed(1)} of ${Number(durationS.toFixed(1))} s simulated`,
    `${millions(events)} events`,
    `${millions(eventsPerS)}/s`,
    leftS === null ? "time left unknown" : `${formatLeft(leftS)} left`,
    `${Math.round(rssBytes / 1e6)} MB`,
  ].join(", ");
}

/** `12 of 40 points, 3 min left`; what was finished before counts nowhere. */
export function renderSweepProgress(finished: number, points: number, passedS: number): string {
  const left =
    finished === 0 ? "" : `, ${formatLeft((passedS / finished) * (points - finished))} left`;
  return `${finished} of ${points} points${left}`;
}

function millions(n: number): string {
  return n < 1e5 ? String(Math.round(n)) : `${(n / 1e6).toFixed(2)} M`;
}

function formatLeft(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.ceil(whole / 60)} min`;
  return `${(whole / 3600).toFixed(1)} h`;
}
