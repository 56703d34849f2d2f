/**
 * Requests that wait for an answer, and when they have waited enough.
 *
 * All wait equally long, so the order of their ends is that of their beginnings: a ring, from which
 * nothing is ever taken out in the middle. Who was answered is recognized by the serial number.
 */
import { NONE } from "./event-slab.ts";

const CALLER = 0;
const CALLEE = 1;
const TYPE = 2;
const CONTEXT = 3;
const SERIAL = 4;
const EPOCH = 5;
const WIDTH = 6;

export class Calls {
  readonly timeoutNs: number;
  #rows = new Int32Array(WIDTH * 1024);
  #free = NONE;
  #made = 0;
  #serial = 0;
  /** The ring: when, which row, and what its serial number must still be. */
  #deadlines = new Float64Array(1024);
  #entries = new Int32Array(2 * 1024);
  #first = 0;
  #count = 0;

  constructor(timeoutNs: number) {
    this.timeoutNs = timeoutNs;
  }

  /** When the next request may have to be given up; Infinity when none is open. */
  get nextNs(): number {
    return this.#count === 0 ? Infinity : this.#deadlines[this.#first]!;
  }

  /** @param epoch of the caller: an answer to who it was before a restart is for nobody */
  open(
    nowNs: number,
    caller: number,
    callee: number,
    type: number,
    context: number,
    epoch: number,
  ): number {
    let call = this.#free;
    if (call === NONE) {
      call = this.#made++;
      if (this.#made * WIDTH > this.#rows.length) this.#growRows();
    } else this.#free = this.#rows[call * WIDTH]!;
    const rows = this.#rows;
    const at = call * WIDTH;
    this.#serial = (this.#serial + 1) | 0;
    rows[at + CALLER] = caller;
    rows[at + CALLEE] = callee;
    rows[at + TYPE] = type;
    rows[at + CONTEXT] = context;
    rows[at + SERIAL] = this.#serial;
    rows[at + EPOCH] = epoch;
    this.#append(nowNs + this.timeoutNs, call);
    return call;
  }

  serialOf(call: number): number {
    return this.#rows[call * WIDTH + SERIAL]!;
  }

  callerOf(call: number): number {
    return this.#rows[call * WIDTH + CALLER]!;
  }

  calleeOf(call: number): number {
    return this.#rows[call * WIDTH + CALLEE]!;
  }

  typeOf(call: number): number {
    return this.#rows[call * WIDTH + TYPE]!;
  }

  contextOf(call: number): number {
    return this.#rows[call * WIDTH + CONTEXT]!;
  }

  epochOf(call: number): number {
    return this.#rows[call * WIDTH + EPOCH]!;
  }

  /** Whether the request that had this serial number still waits. */
  isOpen(call: number, serial: number): boolean {
    return this.#rows[call * WIDTH + SERIAL] === serial;
  }

  close(call: number): void {
    const at = call * WIDTH;
    this.#rows[at + SERIAL] = 0;
    this.#rows[at] = this.#free;
    this.#free = call;
  }

  /** The next request that waited until that time, or NONE; it stays open until `close`. */
  takeDue(untilNs: number): number {
    while (this.#count > 0 && this.#deadlines[this.#first]! <= untilNs) {
      const first = this.#first;
      const call = this.#entries[2 * first]!;
      const serial = this.#entries[2 * first + 1]!;
      this.#first = (first + 1) & (this.#deadlines.length - 1);
      this.#count--;
      if (this.isOpen(call, serial)) return call;
    }
    return NONE;
  }

  #append(deadlineNs: number, call: number): void {
    if (this.#count === this.#deadlines.length) this.#growRing();
    const last = (this.#first + this.#count++) & (this.#deadlines.length - 1);
    this.#deadlines[last] = deadlineNs;
    this.#entries[2 * last] = call;
    this.#entries[2 * last + 1] = this.#serial;
  }

  #growRows(): void {
    const rows = new Int32Array(this.#rows.length + (this.#rows.length >> 1) + WIDTH);
    rows.set(this.#rows);
    this.#rows = rows;
  }

  #growRing(): void {
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
