/** Shows how far a run is: one line that is written over on a terminal, else one now and then. */
import { renderProgress } from "../cli/progress-line.ts";
import type { Progress } from "./measured-run.ts";

const TERMINAL_PERIOD_MS = 250;
const LOG_PERIOD_MS = 5000;

/** One line on standard error. */
export class StatusLine {
  readonly #isTerminal: boolean;
  readonly #isShown: boolean;
  readonly #startedAtMs = performance.now();
  #shownAtMs = this.#startedAtMs;
  #hasLine = false;

  /** @param isAsked  show it also where nobody sees a terminal */
  constructor(isAsked: boolean) {
    this.#isTerminal = process.stderr.isTTY;
    this.#isShown = this.#isTerminal || isAsked;
  }

  /** @param render  called when it is time for another line, with how long after the last and in all */
  show(render: (passedMs: number, totalMs: number) => string): void {
    if (!this.#isShown) return;
    const nowMs = performance.now();
    const passedMs = nowMs - this.#shownAtMs;
    if (passedMs < (this.#isTerminal ? TERMINAL_PERIOD_MS : LOG_PERIOD_MS)) return;
    const line = render(passedMs, nowMs - this.#startedAtMs);
    process.stderr.write(this.#isTerminal ? `\r\u001b[K${line}` : `${line}\n`);
    this.#hasLine = this.#isTerminal;
    this.#shownAtMs = nowMs;
  }

  /** Takes the line away. */
  end(): void {
    if (this.#hasLine) process.stderr.write("\r\u001b[K");
    this.#hasLine = false;
  }
}

export class ProgressReport {
  readonly #line: StatusLine;
  #before: Progress | undefined;

  /** @param isAsked  show it also where nobody sees a terminal */
  constructor(isAsked: boolean) {
    this.#line = new StatusLine(isAsked);
  }

  /** Takes every report of the engine, shows some. */
  update(progress: Progress): void {
    this.#line.show((passedMs) => {
      const { simulatedS, durationS, events } = progress;
      const speed = ((simulatedS - (this.#before?.simulatedS ?? 0)) / passedMs) * 1000;
      const eventsPerS = ((events - (this.#before?.events ?? 0)) / passedMs) * 1000;
      this.#before = progress;
      const leftS = speed > 0 ? (durationS - simulatedS) / speed : null;
      const rssBytes = process.memoryUsage.rss();
      return renderProgress({ simulatedS, durationS, events, eventsPerS, leftS, rssBytes });
    });
  }

  /** Takes the line away. */
  end(): void {
    this.#line.end();
  }
}
