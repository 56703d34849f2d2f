/** Shows how far a run is: one line that is written over on a terminal, else one now and then. */
import { renderProgress } from "../cli/progress-line.ts";
import type { Progress } from "./measured-run.ts";

const TERMINAL_PERIOD_MS = 250;
const LOG_PERIOD_MS = 5000;

export class ProgressReport {
  readonly #isTerminal: boolean;
  readonly #isShown: boolean;
  #shownAtMs: number;
  #before: Progress | undefined;
  #hasLine = false;

  /** @param isAsked  show it also where nobody sees a terminal */
  constructor(isAsked: boolean) {
    this.#isTerminal = process.stderr.isTTY;
    this.#isShown = this.#isTerminal || isAsked;
    this.#shownAtMs = performance.now();
  }

  /** Takes every report of the engine, shows some. */
  update(progress: Progress): void {
    if (!this.#isShown) return;
    const nowMs = performance.now();
    const passedMs = nowMs - this.#shownAtMs;
    if (passedMs < (this.#isTerminal ? TERMINAL_PERIOD_MS : LOG_PERIOD_MS)) return;
    const { simulatedS, durationS, events } = progress;
    const events0 = this.#before?.events ?? 0;
    const speed = ((simulatedS - (this.#before?.simulatedS ?? 0)) / passedMs) * 1000;
    const line = renderProgress({
      simulatedS,
      durationS,
      events,
      eventsPerS: ((events - events0) / passedMs) * 1000,
      leftS: speed > 0 ? (durationS - simulatedS) / speed : null,
      rssBytes: process.memoryUsage.rss(),
    });
    process.stderr.write(this.#isTerminal ? `\r\u001b[K${line}` : `${line}\n`);
    this.#hasLine = this.#isTerminal;
    this.#shownAtMs = nowMs;
    this.#before = progress;
  }

  /** Takes the line away. */
  end(): void {
    if (this.#hasLine) process.stderr.write("\r\u001b[K");
    this.#hasLine = false;
  }
}
