/**
 * One run of a host: its clocks, which go wrong, and its timers, which end with it.
 *
 * A paused process (stopped, or its machine asleep) does nothing; what would have happened to it happens
 * when it goes on, in that order.
 */
import type { Clock } from "../../platform/clock.ts";
import type { Timer, Timers } from "../../platform/timers.ts";
import type { Scheduled, Scheduler } from "./scheduler.ts";

/** Virtual time 0 on a clock that is right. */
export const WALL_START_MS = 1_790_000_000_000;

export interface ClockError {
  /** What the wall clock is ahead, ms. */
  readonly aheadMs: number;
  /** What both clocks gain, as a share: 0.0001 is 100 ppm. */
  readonly gain: number;
}

export class HostTime implements Clock, Timers {
  readonly #scheduler: Scheduler;
  readonly #error: ClockError;
  /** A monotonic clock begins anywhere. */
  readonly #zeroMs: number;
  #isOver = false;
  /** What happened while it is paused. */
  #waiting: (() => void)[] | undefined;

  constructor(scheduler: Scheduler, error: ClockError, zeroMs: number) {
    this.#scheduler = scheduler;
    this.#error = error;
    this.#zeroMs = zeroMs;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The process is gone: nothing that it waited for happens. */
  end(): void {
    this.#isOver = true;
    this.resume();
  }

  get isPaused(): boolean {
    return this.#waiting !== undefined;
  }

  pause(): void {
    this.#waiting ??= [];
  }

  resume(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const happen of waiting) this.#scheduler.after(0, () => this.whenRunning(happen));
  }

  /** Has it happen to the process: now, or when it goes on. */
  whenRunning(happen: () => void): void {
    if (this.#waiting === undefined) happen();
    else this.#waiting.push(happen);
  }

  monotonicMs(): number {
    return this.#zeroMs + this.#scheduler.nowMs * (1 + this.#error.gain);
  }

  wallMs(): number {
    const { aheadMs, gain } = this.#error;
    return Math.floor(WALL_START_MS + aheadMs + this.#scheduler.nowMs * (1 + gain));
  }

  after(ms: number, run: () => void): Timer {
    return this.#schedule(ms, run);
  }

  every(ms: number, run: () => void): Timer {
    let next: Scheduled;
    const again = (): void => {
      next = this.#schedule(ms, again);
      run();
    };
    next = this.#schedule(ms, again);
    return { cancel: () => next.cancel() };
  }

  signalAfter(ms: number): AbortSignal {
    const ending = new AbortController();
    this.#schedule(ms, () => ending.abort(new Error("no answer in time")));
    return ending.signal;
  }

  /** Node waits a whole millisecond at least. */
  #schedule(ms: number, run: () => void): Scheduled {
    const realMs = Math.max(1, Math.trunc(ms)) / (1 + this.#error.gain);
    let isCancelled = false;
    const fire = (): void => {
      if (!this.#isOver && !isCancelled) run();
    };
    const scheduled = this.#scheduler.after(realMs, () => this.whenRunning(fire));
    return {
      cancel() {
        isCancelled = true;
        scheduled.cancel();
      },
    };
  }
}
