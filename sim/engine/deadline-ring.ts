/**
 * Deadlines of requests that all wait equally long.
 *
 * The order of their ends is that of their beginnings: a ring, from which nothing is ever taken out in
 * the middle. Who was answered meanwhile is recognized by the serial number.
 */
import { NONE } from "./event-slab.ts";

/** Whoever knows which requests are open. */
export interface OpenCalls {
  isOpen(call: number, serial: number): boolean;
}

export class DeadlineRing {
  #deadlines = new Float64Array(1024);
  /** Of each: the request and its serial number. */
  #entries = new Int32Array(2 * 1024);
  #first = 0;
  #count = 0;

  /** When the next may be due; Infinity when there is none. */
  get nextNs(): number {
    return this.#count === 0 ? Infinity : this.#deadlines[this.#first]!;
  }

  append(deadlineNs: number, call: number, serial: number): void {
    if (this.#count === this.#deadlines.length) this.#grow();
    const last = (this.#first + this.#count++) & (this.#deadlines.length - 1);
    this.#deadlines[last] = deadlineNs;
    this.#entries[2 * last] = call;
    this.#entries[2 * last + 1] = serial;
  }

  /** The next request that is due by that time and still open, or NONE. */
  takeDue(untilNs: number, calls: OpenCalls): number {
    while (this.#count > 0 && this.#deadlines[this.#first]! <= untilNs) {
      const first = this.#first;
      const call = this.#entries[2 * first]!;
      this.#first = (first + 1) & (this.#deadlines.length - 1);
      this.#count--;
      if (calls.isOpen(call, this.#entries[2 * first + 1]!)) return call;
    }
    return NONE;
  }

  #grow(): void {
    const length = this.#deadlines.length;
    const deadlines = new Float64Array(length * 2);
    const entries = new Int32Array(length * 4);
    for (let i = 0; i < length; i++) {
      const old = (this.#first + i) & (length - 1);
      deadlines[i] = this.#deadlines[old]!;
      entries[2 * i] = this.#entries[2 * old]!;
      entries[2 * i + 1] = this.#entries[2 * old + 1]!;
    }
    this.#deadlines = deadlines;
    this.#entries = entries;
    this.#first = 0;
  }
}
