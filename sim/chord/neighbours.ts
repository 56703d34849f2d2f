/**
 * Who comes after a node on the ring, and who before: the successor lists and predecessors of all
 * nodes of a thread.
 *
 * Beside each neighbour stands the upper half of its distance from the node, so that routing looks up
 * an id only where two of these halves are equal.
 */
import { NONE } from "../engine/event-slab.ts";
import type { NodeIds } from "../engine/protocol.ts";
import { lowerDistance, upperDistance } from "./ring.ts";

export class Neighbours {
  /** Nodes taken in or out so far, by any node. */
  changes = 0;
  /** By row; NONE when it is not known. */
  readonly predecessors: Int32Array;
  readonly #ids: NodeIds;
  readonly #shift: number;
  /** Successors that a node keeps. */
  readonly #width: number;
  readonly #predecessorUppers: Int32Array;
  readonly #counts: Uint8Array;
  /** `width` of them for each row, the nearest first, and the upper halves of their distances. */
  readonly #successors: Int32Array;
  readonly #uppers: Int32Array;
  /** The list that `replace` replaces. */
  readonly #old: Int32Array;

  constructor(ids: NodeIds, rows: number, shift: number, successorsMax: number) {
    this.#ids = ids;
    this.#shift = shift;
    this.#width = successorsMax;
    this.predecessors = new Int32Array(rows).fill(NONE);
    this.#predecessorUppers = new Int32Array(rows);
    this.#counts = new Uint8Array(rows);
    this.#successors = new Int32Array(rows * successorsMax);
    this.#uppers = new Int32Array(rows * successorsMax);
    this.#old = new Int32Array(successorsMax);
  }

  /** NONE when there is none. */
  successorOf(node: number): number {
    const row = node >> this.#shift;
    return this.#counts[row] === 0 ? NONE : this.#successors[row * this.#width]!;
  }

  predecessorOf(node: number): number {
    return this.predecessors[node >> this.#shift]!;
  }

  /** @param predecessor NONE when it is not known any more */
  setPredecessor(node: number, predecessor: number): void {
    const row = node >> this.#shift;
    const old = this.predecessors[row];
    if (old === predecessor) return;
    if (old !== NONE) this.changes++;
    if (predecessor !== NONE) this.changes++;
    this.predecessors[row] = predecessor;
    if (predecessor !== NONE) this.#predecessorUppers[row] = this.#upperTo(node, predecessor);
  }

  /** Puts a node where it belongs, if the list has room for it or for it instead of a farther one. */
  add(node: number, successor: number): void {
    if (successor === node) return;
    const row = node >> this.#shift;
    const upper = this.#upperTo(node, successor);
    const first = row * this.#width;
    const count = this.#counts[row]!;
    let at = first + count;
    while (at > first && this.#isNearer(node, successor, upper, at - 1)) at--;
    if (at > first && this.#successors[at - 1] === successor) return;
    if (at === first + this.#width) return;
    const last = count === this.#width ? first + count - 1 : first + count;
    for (let to = last; to > at; to--) {
      this.#successors[to] = this.#successors[to - 1]!;
      this.#uppers[to] = this.#uppers[to - 1]!;
    }
    this.#successors[at] = successor;
    this.#uppers[at] = upper;
    this.changes++;
    if (count < this.#width) this.#counts[row] = count + 1;
    else this.changes++; // the farthest went
  }

  /** Takes a node out of the list, and forgets it as predecessor. */
  forget(node: number, gone: number): void {
    const row = node >> this.#shift;
    if (this.predecessors[row] === gone) this.setPredecessor(node, NONE);
    const first = row * this.#width;
    const end = first + this.#counts[row]!;
    let to = first;
    for (let at = first; at < end; at++) {
      if (this.#successors[at] === gone) continue;
      this.#successors[to] = this.#successors[at]!;
      this.#uppers[to++] = this.#uppers[at]!;
    }
    this.changes += end - to;
    this.#counts[row] = to - first;
  }

  /**
   * Makes the successor and its own successors the list.
   *
   * @param words holds the latter from `first` to before `end`. None that would be the successor
   *              instead is taken: only STABILIZE and a hint may say that
   */
  replace(node: number, successor: number, words: Int32Array, first: number, end: number): void {
    const row = node >> this.#shift;
    const before = this.#counts[row]!;
    const old = this.#old;
    for (let place = 0; place < before; place++) old[place] = this.at(node, place);
    const { changes } = this;
    this.#counts[row] = 0;
    this.add(node, successor);
    for (let at = first; at < end; at++)
      if (!this.isBeforeSuccessor(node, words[at]!)) this.add(node, words[at]!);
    this.changes = changes + this.#differences(row, before);
  }

  /** How many of a list are not of the old one, and the other way round. */
  #differences(row: number, before: number): number {
    const first = row * this.#width;
    const count = this.#counts[row]!;
    let common = 0;
    for (let place = 0; place < count; place++) {
      const node = this.#successors[first + place]!;
      if (place < before && this.#old[place] === node) common++;
      else for (let at = 0; at < before; at++) if (this.#old[at] === node) common++;
    }
    return before + count - 2 * common;
  }

  /** As a node that knows nobody. */
  clear(node: number): void {
    const row = node >> this.#shift;
    this.predecessors[row] = NONE;
    this.#counts[row] = 0;
  }

  countOf(node: number): number {
    return this.#counts[node >> this.#shift]!;
  }

  /** @param place 0 for the nearest */
  at(node: number, place: number): number {
    return this.#successors[(node >> this.#shift) * this.#width + place]!;
  }

  /** The upper half of the distance to a successor, biased. */
  upperAt(node: number, place: number): number {
    return this.#uppers[(node >> this.#shift) * this.#width + place]!;
  }

  /** Whether another node lies between this one and its successor, neither of them included. */
  isBeforeSuccessor(node: number, other: number): boolean {
    const row = node >> this.#shift;
    if (other === node) return false;
    if (this.#counts[row] === 0) return true;
    return this.#isNearer(node, other, this.#upperTo(node, other), row * this.#width);
  }

  /** Whether another node lies between the predecessor and this one, neither of them included. */
  isAfterPredecessor(node: number, other: number): boolean {
    const predecessor = this.predecessors[node >> this.#shift]!;
    if (other === node || other === predecessor) return false;
    const { low } = this.#ids;
    return this.isOwnPart(node, this.#upperTo(node, other), lowerDistance(low[node]!, low[other]!));
  }

  /** Whether what lies a distance ahead of the node lies behind its predecessor, which is known. */
  isOwnPart(node: number, upper: number, lower: number): boolean {
    const row = node >> this.#shift;
    const predecessorUpper = this.#predecessorUppers[row]!;
    if (upper !== predecessorUpper) return upper > predecessorUpper;
    const { low } = this.#ids;
    return lower > lowerDistance(low[node]!, low[this.predecessors[row]!]!);
  }

  #upperTo(node: number, other: number): number {
    const { high, low } = this.#ids;
    return upperDistance(high[node]!, low[node]!, high[other]!, low[other]!);
  }

  /** Than the successor in a place. */
  #isNearer(node: number, other: number, upper: number, at: number): boolean {
    if (upper !== this.#uppers[at]!) return upper < this.#uppers[at]!;
    const { low } = this.#ids;
    const self = low[node]!;
    return lowerDistance(self, low[other]!) < lowerDistance(self, low[this.#successors[at]!]!);
  }
}
