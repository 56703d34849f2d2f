/** What falls due when: a binary heap, from which stale entries go as they surface. */

interface Entry {
  readonly id: string;
  readonly dueMs: number;
}

/** Entries that may be stale before the heap is built anew. */
const STALE_MIN = 64;

export class ExpiryQueue {
  readonly #dueOf = new Map<string, number>();
  #heap: Entry[] = [];

  get size(): number {
    return this.#dueOf.size;
  }

  /** Infinity when nothing is queued. */
  get nextMs(): number {
    this.#dropStale();
    return this.#heap[0]?.dueMs ?? Infinity;
  }

  /** Adds `id`, or moves it. */
  set(id: string, dueMs: number): void {
    this.#dueOf.set(id, dueMs);
    if (this.#heap.length > 2 * this.#dueOf.size + STALE_MIN) this.#rebuild();
    else this.#push({ id, dueMs });
  }

  delete(id: string): void {
    this.#dueOf.delete(id);
  }

  /** Takes out everything due, soonest first. */
  takeDue(nowMs: number): string[] {
    const due: string[] = [];
    while (this.nextMs <= nowMs && this.#dueOf.size > 0) {
      const { id } = this.#pop();
      this.#dueOf.delete(id);
      due.push(id);
    }
    return due;
  }

  /** A refresh leaves its older entry in the heap; it is passed over here. */
  #dropStale(): void {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (this.#dueOf.get(top.id) === top.dueMs) return;
      this.#pop();
    }
  }

  #rebuild(): void {
    this.#heap = [...this.#dueOf]
      .map(([id, dueMs]) => ({ id, dueMs }))
      .toSorted((a, b) => a.dueMs - b.dueMs); // a sorted array is a heap
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.dueMs <= entry.dueMs) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): Entry {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.dueMs < heap[child]!.dueMs) child++;
      if (heap[child]!.dueMs >= last.dueMs) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
