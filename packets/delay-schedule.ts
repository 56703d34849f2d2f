/**
 * When a frame leaves a delay line, if it does.
 *
 * Frames keep their order: jitter moves a frame later or earlier, never past the one before it.
 * There is no rate here; a token bucket on the interface in front of the line does that.
 */
import type { Random } from "../platform/random.ts";

export interface DelaySettings {
  /** Time on the line in ms. */
  readonly delayMs: number;
  /** Each frame takes up to this much more or less, in ms, uniformly. */
  readonly jitterMs: number;
  /** Share of frames lost, 0 to 1, each on its own. */
  readonly lossRatio: number;
  /** Nothing passes, and nobody is told. */
  readonly isCut: boolean;
}

export const UNDELAYED: DelaySettings = { delayMs: 0, jitterMs: 0, lossRatio: 0, isCut: false };

/** One direction of a line. */
export class DelaySchedule {
  readonly #random: Random;
  #settings: DelaySettings;
  #lastDueMs = -Infinity;

  constructor(settings: DelaySettings, random: Random) {
    this.#settings = settings;
    this.#random = random;
  }

  get settings(): DelaySettings {
    return this.#settings;
  }

  /** Holds for frames that arrive from now on; those on the line keep their time. */
  change(settings: DelaySettings): void {
    this.#settings = settings;
  }

  /**
   * Takes in one frame.
   *
   * @param arrivalMs when it came, on any clock that never steps back
   * @returns when it leaves, on the same clock and never before its forerunner; -1 when it is lost
   */
  admit(arrivalMs: number): number {
    const { delayMs, jitterMs, lossRatio, isCut } = this.#settings;
    if (isCut) return -1;
    if (lossRatio > 0 && this.#random.next() < lossRatio) return -1;
    const wander = jitterMs > 0 ? this.#random.between(-jitterMs, jitterMs) : 0;
    const dueMs = Math.max(this.#lastDueMs, arrivalMs + Math.max(0, delayMs + wander));
    this.#lastDueMs = dueMs;
    return dueMs;
  }
}
