/** How often each of many things may happen: a few at once, then one each so often (a token bucket each). */

/** Above so many things those are forgotten that may happen as often again as if they never had. */
const THINGS_MIN = 1024;

export class Pace {
  readonly #atOnce: number;
  readonly #everyMs: number;
  readonly #things = new Map<string, { allowance: number; sinceMs: number }>();
  #trimAt = THINGS_MIN;

  constructor(atOnce: number, everyMs: number) {
    this.#atOnce = atOnce;
    this.#everyMs = everyMs;
  }

  /** @returns 0 when it may happen now, which is then noted; else in how many ms to ask again */
  take(thing: string, nowMs: number): number {
    const allowance = this.#allowance(thing, nowMs);
    const isAllowed = allowance >= 1;
    this.#things.set(thing, { allowance: isAllowed ? allowance - 1 : allowance, sinceMs: nowMs });
    if (this.#things.size >= this.#trimAt) this.#trim(nowMs);
    return isAllowed ? 0 : Math.ceil((1 - allowance) * this.#everyMs);
  }

  get size(): number {
    return this.#things.size;
  }

  forget(thing: string): void {
    this.#things.delete(thing);
  }

  #allowance(thing: string, nowMs: number): number {
    const known = this.#things.get(thing);
    if (known === undefined) return this.#atOnce;
    return Math.min(this.#atOnce, known.allowance + (nowMs - known.sinceMs) / this.#everyMs);
  }

  #trim(nowMs: number): void {
    for (const thing of this.#things.keys())
      if (this.#allowance(thing, nowMs) >= this.#atOnce) this.#things.delete(thing);
    this.#trimAt = Math.max(THINGS_MIN, 2 * this.#things.size);
  }
}
