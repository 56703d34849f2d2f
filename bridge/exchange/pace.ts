/** How often each of many things may happen: a few at once, then one each so often (a token bucket each). */

export class Pace {
  readonly #atOnce: number;
  readonly #everyMs: number;
  readonly #things = new Map<string, { allowance: number; sinceMs: number }>();

  constructor(atOnce: number, everyMs: number) {
    this.#atOnce = atOnce;
    this.#everyMs = everyMs;
  }

  /** @returns 0 when it may happen now, which is then noted; else in how many ms to ask again */
  take(thing: string, nowMs: number): number {
    const known = this.#things.get(thing) ?? { allowance: this.#atOnce, sinceMs: nowMs };
    const grown = known.allowance + (nowMs - known.sinceMs) / this.#everyMs;
    const allowance = Math.min(this.#atOnce, grown);
    const isAllowed = allowance >= 1;
    this.#things.set(thing, { allowance: isAllowed ? allowance - 1 : allowance, sinceMs: nowMs });
    return isAllowed ? 0 : Math.ceil((1 - allowance) * this.#everyMs);
  }

  forget(thing: string): void {
    this.#things.delete(thing);
  }
}
