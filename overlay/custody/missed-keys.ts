/** Keys that were sought on the link in vain just now, and are not to be sought again so soon. */

const MISS_MS = 1_000;
const MISSES_MAX = 4_096;

export class MissedKeys {
  readonly #atMs = new Map<string, number>();

  has(keyHex: string, nowMs: number): boolean {
    return (this.#atMs.get(keyHex) ?? -Infinity) > nowMs - MISS_MS;
  }

  add(keyHex: string, nowMs: number): void {
    this.#atMs.delete(keyHex);
    this.#atMs.set(keyHex, nowMs);
    if (this.#atMs.size > MISSES_MAX) this.#atMs.delete(this.#atMs.keys().next().value ?? "");
  }

  delete(keyHex: string): void {
    this.#atMs.delete(keyHex);
  }
}
