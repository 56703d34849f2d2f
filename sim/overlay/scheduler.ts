/** Virtual time: what is due happens in order, and time jumps from one event to the next. */

export interface Scheduled {
  cancel(): void;
}

interface Entry {
  readonly atMs: number;
  /** Of two events of one moment the one scheduled first comes first. */
  readonly sequence: number;
  run: (() => void) | undefined;
}

export class Scheduler {
  nowMs = 0;
  readonly #settle: () => Promise<void>;
  readonly #heap: Entry[] = [];
  #sequence = 0;

  /** @param settle lets all promises that are ready settle, after each event */
  constructor(settle: () => Promise<void>) {
    this.#settle = settle;
  }

  after(ms: number, run: () => void): Scheduled {
    const entry: Entry = { atMs: this.nowMs + Math.max(0, ms), sequence: this.#sequence++, run };
    this.#push(entry);
    return { cancel: () => (entry.run = undefined) };
  }

  /** Lets virtual time pass up to a moment. */
  async runUntil(untilMs: number): Promise<void> {
    await this.#settle();
    for (let next = this.#heap[0]; next !== undefined; next = this.#heap[0]) {
      if (next.atMs > untilMs) break;
      this.#pop();
      if (next.run === undefined) continue;
      this.nowMs = next.atMs;
      next.run();
      await this.#settle();
    }
    this.nowMs = untilMs;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent]!, entry)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}
