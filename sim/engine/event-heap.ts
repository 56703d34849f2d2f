/** A 4-ary heap of events: where the timing wheel keeps the far future, and what it is tested against. */
import type { EventQueue } from "./event-queue.ts";
import { isBefore, NONE, type EventSlab } from "./event-slab.ts";

export class EventHeap implements EventQueue {
  readonly #slab: EventSlab;
  #events = new Int32Array(1024);
  #size = 0;

  constructor(slab: EventSlab) {
    this.#slab = slab;
  }

  get size(): number {
    return this.#size;
  }

  /** Time of the next event; Infinity when there is none. */
  get nextNs(): number {
    return this.#size === 0 ? Infinity : this.#slab.times[this.#events[0]!]!;
  }

  push(event: number): void {
    if (this.#size === this.#events.length) {
      const events = new Int32Array(this.#size * 2);
      events.set(this.#events);
      this.#events = events;
    }
    const events = this.#events;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      if (!isBefore(this.#slab, event, events[parent]!)) break;
      events[at] = events[parent]!;
      at = parent;
    }
    events[at] = event;
  }

  pop(beforeNs: number): number {
    if (!(this.nextNs < beforeNs)) return NONE;
    const events = this.#events;
    const first = events[0]!;
    const size = --this.#size;
    if (size > 0) this.#sink(events[size]!, size);
    return first;
  }

  #sink(event: number, size: number): void {
    const events = this.#events;
    let at = 0;
    for (;;) {
      const first = (at << 2) + 1;
      if (first >= size) break;
      let least = first;
      const end = Math.min(first + 4, size);
      for (let child = first + 1; child < end; child++)
        if (isBefore(this.#slab, events[child]!, events[least]!)) least = child;
      if (!isBefore(this.#slab, events[least]!, event)) break;
      events[at] = events[least]!;
      at = least;
    }
    events[at] = event;
  }
}
