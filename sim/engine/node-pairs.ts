/** A number for pairs of nodes: what one knows of another. 0 is nothing. */

/** Share of places that may be taken. */
const LOAD = 0.6;
const EMPTY = -1;

export class NodePairs {
  /** Of each place: the one node, the other, the number. */
  #words = new Int32Array(3 * 1024).fill(EMPTY);
  #count = 0;

  get(node: number, other: number): number {
    const at = this.#find(node, other);
    return this.#words[at] === EMPTY ? 0 : this.#words[at + 2]!;
  }

  set(node: number, other: number, value: number): void {
    let at = this.#find(node, other);
    if (this.#words[at] === EMPTY) {
      if ((this.#count + 1) * 3 > this.#words.length * LOAD) {
        this.#rebuild(this.#words.length * 2, NONE_LEFT_OUT);
        at = this.#find(node, other);
      }
      this.#count++;
      this.#words[at] = node;
      this.#words[at + 1] = other;
    }
    this.#words[at + 2] = value;
  }

  /** Forgets all that one node knows. Takes as long as there are pairs. */
  removeAll(node: number): void {
    this.#rebuild(this.#words.length, node);
  }

  #rebuild(length: number, leftOut: number): void {
    const old = this.#words;
    this.#words = new Int32Array(length).fill(EMPTY);
    this.#count = 0;
    for (let at = 0; at < old.length; at += 3)
      if (old[at] !== EMPTY && old[at] !== leftOut) this.set(old[at]!, old[at + 1]!, old[at + 2]!);
  }

  /** Where the pair is, or would be. */
  #find(node: number, other: number): number {
    const places = this.#words.length / 3;
    let hash = Math.imul(node, 0x9e3779b1) ^ Math.imul(other, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    let place = ((hash ^ (hash >>> 13)) >>> 0) % places;
    for (;;) {
      const at = place * 3;
      if (this.#words[at] === EMPTY) return at;
      if (this.#words[at] === node && this.#words[at + 1] === other) return at;
      place = place + 1 === places ? 0 : place + 1;
    }
  }
}

const NONE_LEFT_OUT = -2;
