/**
 * Counter-based random numbers: a draw is a function of seed, stream, node and counter.
 *
 * Nothing is carried from one draw to the next, so that no draw depends on which thread made which
 * other one before. The mixing function is "lowbias32" (C. Wellons, hash-prospector, 2018), twice.
 */

/** What a draw is for. Each has its own numbers. */
export const STREAM = {
  id: 1,
  arrival: 2,
  core: 3,
  delay: 4,
  workload: 5,
  churn: 6,
  loss: 7,
  server: 8,
  place: 9,
  adversary: 10,
  host: 11,
  record: 12,
  site: 13,
  lan: 14,
} as const;

export type Stream = (typeof STREAM)[keyof typeof STREAM];

/** The key of a stream: what is the same in all of its draws. @param seed any whole number */
export function streamKey(seed: number, stream: Stream): number {
  const high = Math.floor(seed / 2 ** 32) | 0;
  return mix(mix(mix(seed | 0) ^ high) + Math.imul(stream, 0x9e3779b1));
}

/** 32 random bits, as a signed integer. */
export function draw(key: number, node: number, counter: number): number {
  return mix(mix(key ^ Math.imul(node, 0x9e3779b1)) + Math.imul(counter, 0x85ebca6b));
}

/** In [0, 1), 32 bits of it. */
export function unit(key: number, node: number, counter: number): number {
  return (draw(key, node, counter) >>> 0) * 2 ** -32;
}

/** In 0..bound-1. @param bound 1..2^31 */
export function below(bound: number, key: number, node: number, counter: number): number {
  return Math.floor(unit(key, node, counter) * bound);
}

export function mix(word: number): number {
  let x = word | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0xd35a2d97 | 0);
  return x ^ (x >>> 15);
}
