/** The contacts nearest to a key among those offered, in order. */
import type { NodeIds } from "../engine/protocol.ts";
import type { Collector } from "./routing-table.ts";

const FLIP = 0x80000000 | 0;

export class Closest implements Collector {
  count = 0;
  /** The nearest first. */
  readonly nodes: Int32Array;
  /** Upper halves of their distances, sign bits flipped. */
  readonly distances: Int32Array;
  readonly #ids: NodeIds;
  #wanted = 0;
  #keyHigh = 0;
  #keyLow = 0;

  /** @param most contacts that are ever wanted */
  constructor(ids: NodeIds, most: number) {
    this.#ids = ids;
    this.nodes = new Int32Array(most);
    this.distances = new Int32Array(most);
  }

  begin(keyHigh: number, keyLow: number, wanted: number): void {
    this.#keyHigh = keyHigh;
    this.#keyLow = keyLow;
    this.#wanted = wanted;
    this.count = 0;
  }

  offer(contact: number): void {
    const { nodes, distances } = this;
    const distance = this.#ids.high[contact]! ^ this.#keyHigh ^ FLIP;
    const wanted = this.#wanted;
    let at = this.count;
    if (at === wanted) {
      if (distance > distances[at - 1]!) return;
      at--;
      if (distance === distances[at]! && !this.#isNearer(contact, nodes[at]!)) return;
    } else this.count++;
    for (; at > 0; at--) {
      const before = distances[at - 1]!;
      if (before < distance) break;
      if (before === distance && !this.#isNearer(contact, nodes[at - 1]!)) break;
      distances[at] = before;
      nodes[at] = nodes[at - 1]!;
    }
    distances[at] = distance;
    nodes[at] = contact;
  }

  isSatisfied(bits: number): boolean {
    if (this.count < this.#wanted) return false;
    return Math.clz32(this.distances[this.count - 1]! ^ FLIP) >= bits;
  }

  /** Of two with one upper half. */
  #isNearer(left: number, right: number): boolean {
    const { low } = this.#ids;
    return (low[left]! ^ this.#keyLow) >>> 0 < (low[right]! ^ this.#keyLow) >>> 0;
  }
}
