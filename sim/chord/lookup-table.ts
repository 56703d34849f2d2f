/** Lookups under way: rows of a table of numbers that grows and is used again. */
import { NONE } from "../engine/event-slab.ts";

/** Answers that one lookup takes at most. */
export const HOPS_MAX = 50;
/** After so long it is given up. */
export const LOOKUP_NS = 10_000_000_000;

/** Columns of a row. */
export const LOOKUP = {
  node: 0,
  purpose: 1,
  keyHigh: 2,
  keyLow: 3,
  /** Of a query its tag, of a JOIN the joiner, of a finger its number or, forwarded, its node. */
  subject: 4,
  /** Of a forwarded query when it began, of a finger its number, of a JOIN the hops before. */
  detail: 5,
  hops: 6,
  /** Who answered last, or NONE. */
  answered: 7,
  asked: 8,
} as const;
const ASKED = 9;
/** Nodes that one lookup asks at most: some answer not. */
const ASKED_MAX = HOPS_MAX + 5;
const WIDTH = ASKED + ASKED_MAX;

export class LookupTable {
  /** WIDTH words a row. Another array after `take`. */
  words = new Int32Array(WIDTH * 256);
  #starts = new Float64Array(256);
  #free = NONE;
  #made = 0;

  take(
    nowNs: number,
    node: number,
    purpose: number,
    keyHigh: number,
    keyLow: number,
    subject: number,
    detail: number,
    hops: number,
  ): number {
    let lookup = this.#free;
    if (lookup !== NONE) this.#free = this.words[lookup * WIDTH]!;
    else {
      if (this.#made === this.#starts.length) this.#grow();
      lookup = this.#made++;
    }
    const { words } = this;
    const at = lookup * WIDTH;
    words[at + LOOKUP.node] = node;
    words[at + LOOKUP.purpose] = purpose;
    words[at + LOOKUP.keyHigh] = keyHigh;
    words[at + LOOKUP.keyLow] = keyLow;
    words[at + LOOKUP.subject] = subject;
    words[at + LOOKUP.detail] = detail;
    words[at + LOOKUP.hops] = hops;
    words[at + LOOKUP.answered] = NONE;
    words[at + LOOKUP.asked] = 0;
    this.#starts[lookup] = nowNs;
    return lookup;
  }

  release(lookup: number): void {
    this.words[lookup * WIDTH] = this.#free;
    this.#free = lookup;
  }

  get(lookup: number, column: number): number {
    return this.words[lookup * WIDTH + column]!;
  }

  set(lookup: number, column: number, value: number): void {
    this.words[lookup * WIDTH + column] = value;
  }

  startOf(lookup: number): number {
    return this.#starts[lookup]!;
  }

  /** Notes that a node is asked. @returns false when it was before, or too many were */
  ask(lookup: number, node: number): boolean {
    const { words } = this;
    const first = lookup * WIDTH + ASKED;
    const count = words[first - 1]!;
    if (count === ASKED_MAX) return false;
    for (let at = first; at < first + count; at++) if (words[at] === node) return false;
    words[first + count] = node;
    words[first - 1] = count + 1;
    return true;
  }

  #grow(): void {
    const rows = this.#starts.length + (this.#starts.length >> 1);
    const words = new Int32Array(rows * WIDTH);
    words.set(this.words);
    this.words = words;
    const starts = new Float64Array(rows);
    starts.set(this.#starts);
    this.#starts = starts;
  }
}
