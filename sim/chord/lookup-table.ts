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
/** When it began, as a float of two words. */
const START = 10;
const ASKED = 12;
/** Nodes that one lookup asks at most: some do not answer. */
const ASKED_MAX = HOPS_MAX + 2;
/** 64 words: what nearly every lookup needs of them is one line of the cache. */
const WIDTH = ASKED + ASKED_MAX;

export class LookupTable {
  /** WIDTH words a row. Another array after `take`. */
  words = new Int32Array(WIDTH * 256);
  /** The same memory. */
  #floats = new Float64Array(this.words.buffer);
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
      if (this.#made * WIDTH === this.words.length) this.#grow();
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
    this.#floats[(at + START) >> 1] = nowNs;
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
    return this.#floats[(lookup * WIDTH + START) >> 1]!;
  }

  /** Notes that a node is asked. @returns false when it was before, or too many were */
  ask(lookup: number, node: number): boolean {
    const { words } = this;
    const at = lookup * WIDTH;
    const first = at + ASKED;
    const count = words[at + LOOKUP.asked]!;
    if (count === ASKED_MAX) return false;
    for (let place = first; place < first + count; place++) if (words[place] === node) return false;
    words[first + count] = node;
    words[at + LOOKUP.asked] = count + 1;
    return true;
  }

  #grow(): void {
    const rows = this.words.length / WIDTH;
    const words = new Int32Array((rows + (rows >> 1)) * WIDTH);
    words.set(this.words);
    this.words = words;
    this.#floats = new Float64Array(words.buffer);
  }
}
