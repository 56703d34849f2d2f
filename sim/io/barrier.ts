/** Where threads wait for each other. */

const ARRIVED = 0;
const ROUND = 1;
/** Looks before a thread goes to sleep; the others are mostly about to come. */
const SPINS = 2_000;

export function createBarrierMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(8);
}

export class Barrier {
  readonly #words: Int32Array;
  readonly #threads: number;

  constructor(memory: SharedArrayBuffer, threads: number) {
    this.#words = new Int32Array(memory);
    this.#threads = threads;
  }

  /** Returns once all threads have come here. */
  wait(): void {
    const words = this.#words;
    const round = Atomics.load(words, ROUND);
    if (Atomics.add(words, ARRIVED, 1) === this.#threads - 1) {
      Atomics.store(words, ARRIVED, 0);
      Atomics.add(words, ROUND, 1);
      Atomics.notify(words, ROUND);
      return;
    }
    for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(words, ROUND) !== round) return;
    while (Atomics.load(words, ROUND) === round) Atomics.wait(words, ROUND, round);
  }
}
