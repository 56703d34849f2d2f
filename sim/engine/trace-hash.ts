/**
 * A number that two runs share only if they had the same events.
 *
 * It is a sum over the events, so that it does not matter which thread had which of them; each event
 * counts with its time, node, sender, type and contents.
 */

/** Sees every event before it is handled. */
export type Trace = (
  timeNs: number,
  to: number,
  from: number,
  type: number,
  a: number,
  b: number,
  c: number,
) => void;

/** The contents of a list, in their order. */
export function foldList(words: Int32Array, at: number): number {
  const end = at + words[at]!;
  let fold = words[at]!;
  for (let i = at + 1; i <= end; i++) fold = Math.imul(fold ^ words[i]!, 0x01000193);
  return fold;
}

export class TraceHash {
  #low = 0;
  #high = 0;

  add(
    timeNs: number,
    to: number,
    from: number,
    type: number,
    a: number,
    b: number,
    c: number,
    fold: number,
  ): void {
    let x = Math.imul(timeNs | 0, 0x9e3779b1) ^ Math.imul(to, 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 15) ^ ((timeNs * 2 ** -32) | 0), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15) ^ Math.imul(from, 0x27d4eb2f) ^ type, 0x735a2d97);
    x = Math.imul(x ^ (x >>> 15) ^ a, 0x2c1b3c6d);
    x = Math.imul(x ^ (x >>> 12) ^ Math.imul(b, 0x165667b1) ^ c, 0x297a2d39);
    x ^= x >>> 15;
    const y = Math.imul(x ^ fold, 0x846ca68b | 0);
    this.#low = (this.#low + x) | 0;
    this.#high = (this.#high + (y ^ (y >>> 16))) | 0;
  }

  get halves(): readonly [number, number] {
    return [this.#high, this.#low];
  }

  /** What another thread counted. */
  merge([high, low]: readonly [number, number]): void {
    this.#high = (this.#high + high) | 0;
    this.#low = (this.#low + low) | 0;
  }

  /** 16 hex digits. */
  get text(): string {
    return hex(this.#high) + hex(this.#low);
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
