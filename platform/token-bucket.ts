/** A token bucket: at most `burst` at once and `perSecond` in the long run. */

export interface TokenRate {
  readonly perSecond: number;
  readonly burst: number;
}

export class TokenBucket {
  readonly #rate: TokenRate;
  #tokens: number;
  #filledAtMs = -Infinity;

  constructor(rate: TokenRate) {
    this.#rate = rate;
    this.#tokens = rate.burst;
  }

  /** Takes one token, or several; `false` when there are not as many. */
  take(nowMs: number, tokens = 1): boolean {
    this.#fill(nowMs);
    // A wake-up computed by `readyAtMs` must not miss its token by a rounding error.
    if (this.#tokens < tokens - 1e-6) return false;
    this.#tokens = Math.max(0, this.#tokens - tokens);
    return true;
  }

  /** When the next `take` succeeds; `nowMs` if at once. */
  readyAtMs(nowMs: number): number {
    this.#fill(nowMs);
    const missing = 1 - this.#tokens;
    return missing <= 1e-6 ? nowMs : nowMs + (missing / this.#rate.perSecond) * 1000;
  }

  #fill(nowMs: number): void {
    const { perSecond, burst } = this.#rate;
    const sinceMs = nowMs - this.#filledAtMs;
    if (sinceMs > 0) this.#tokens = Math.min(burst, this.#tokens + (sinceMs * perSecond) / 1000);
    this.#filledAtMs = nowMs;
  }
}
