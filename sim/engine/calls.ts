/** Requests that wait for an answer, and when they have waited enough. */
import { DeadlineRing } from "./deadline-ring.ts";
import { NONE } from "./event-slab.ts";

const CALLER = 0;
const CALLEE = 1;
const TYPE = 2;
const CONTEXT = 3;
const SERIAL = 4;
const EPOCH = 5;
/** What was asked, and hosts of the callee that were. */
const A = 6;
const B = 7;
const C = 8;
const TRIED = 9;
const WIDTH = 10;

export class Calls {
  readonly timeoutNs: number;
  #rows = new Int32Array(WIDTH * 1024);
  #free = NONE;
  #made = 0;
  #serial = 0;
  readonly #ring = new DeadlineRing();

  constructor(timeoutNs: number) {
    this.timeoutNs = timeoutNs;
  }

  /** When the next request may have to be given up; Infinity when none is open. */
  get nextNs(): number {
    return this.#ring.nextNs;
  }

  /** @param epoch of the caller: an answer to who it was before a restart is for nobody */
  open(
    nowNs: number,
    caller: number,
    callee: number,
    type: number,
    context: number,
    epoch: number,
    a: number,
    b: number,
    c: number,
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
    rows[at + A] = a;
    rows[at + B] = b;
    rows[at + C] = c;
    rows[at + TRIED] = 0;
    this.#ring.append(nowNs + this.timeoutNs, call, this.#serial);
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

  /** What was asked: one of the three words. @param word 0 to 2 */
  askedOf(call: number, word: number): number {
    return this.#rows[call * WIDTH + A + word]!;
  }

  /** Hosts of the callee that were asked, as bits. */
  triedOf(call: number): number {
    return this.#rows[call * WIDTH + TRIED]!;
  }

  noteTried(call: number, host: number): void {
    this.#rows[call * WIDTH + TRIED]! |= 1 << host;
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
    return this.#ring.takeDue(untilNs, this);
  }

  #growRows(): void {
    const rows = new Int32Array(this.#rows.length + (this.#rows.length >> 1) + WIDTH);
    rows.set(this.#rows);
    this.#rows = rows;
  }
}
