/**
 * Seeded randomness: sfc32 over a seed expanded by splitmix32.
 *
 * For protocol choices (jitter, which host to ask), never for keys or nonces.
 */

export interface Random {
  /** Uniform in [0, 1), 32 bits of it. */
  next(): number;
  /** Uniform integer in [0, bound); `bound` is 1..2^32. */
  below(bound: number): number;
  /** Uniform in [from, to). */
  between(from: number, to: number): number;
  /** One item, or `undefined` from an empty list. */
  pick<T>(items: readonly T[]): T | undefined;
  /** A shuffled copy, unbiased (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[];
}

/** @param seed any 32-bit integer; the same seed gives the same sequence */
export function createRandom(seed: number): Random {
  const word = splitmix32(seed);
  let a = word();
  let b = word();
  let c = word();
  let counter = 1;
  const next32 = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) next32();
  return fromWords(next32);
}

function fromWords(next32: () => number): Random {
  const next = (): number => next32() / 2 ** 32;
  const below = (bound: number): number => Math.floor(next() * bound);
  return {
    next,
    below,
    between: (from, to) => from + next() * (to - from),
    pick: (items) => items[below(items.length)],
    shuffle(items) {
      const copy = [...items];
      for (let i = copy.length - 1; i > 0; i--) {
        const j = below(i + 1);
        [copy[i], copy[j]] = [copy[j]!, copy[i]!];
      }
      return copy;
    },
  };
}

function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  };
}
