/** Lists of nodes that messages carry: rows of a slab, each with its length in front. */
import { NONE } from "./event-slab.ts";

export class Lists {
  /** `words[row * width]` is the length of a list; its nodes follow. Another array after `take`. */
  words: Int32Array;
  /** Words of a row: the length, the nodes, and where it is wanted a word that is said of each. */
  readonly width: number;
  readonly longest: number;
  #free = NONE;
  #made = 0;

  /** @param longest nodes of a list at most */
  constructor(longest: number, isDescribed: boolean) {
    this.longest = longest;
    this.width = (isDescribed ? 2 : 1) * longest + 1;
    this.words = new Int32Array(this.width * 1024);
  }

  /** An empty list. */
  take(): number {
    let row = this.#free;
    if (row === NONE) {
      row = this.#made++;
      if (this.#made * this.width > this.words.length) this.#grow();
    } else this.#free = this.words[row * this.width]!;
    this.words[row * this.width] = 0;
    return row;
  }

  /** A list that stands in other words. @param from where its length is */
  copy(words: Int32Array, from: number): number {
    const row = this.take();
    const to = row * this.width;
    const length = words[from]!;
    for (let i = 0; i <= length; i++) this.words[to + i] = words[from + i]!;
    return row;
  }

  release(row: number): void {
    this.words[row * this.width] = this.#free;
    this.#free = row;
  }

  #grow(): void {
    const rows = this.words.length / this.width;
    const words = new Int32Array((rows + Math.max(1024, rows >> 1)) * this.width);
    words.set(this.words);
    this.words = words;
  }
}
