/**
 * Who has joined, in the order of ids: what the probes compare with. No protocol may ask it.
 *
 * It changes at the end of a window only, so that it is the same for all threads.
 */
import { below } from "./dice.ts";
import type { NeighbourOracle, NodeIds } from "./protocol.ts";

/** Unsigned comparison of 64-bit numbers in two signed halves. */
export function compareIds(high: number, low: number, otherHigh: number, otherLow: number): number {
  if (high !== otherHigh) return high >>> 0 < otherHigh >>> 0 ? -1 : 1;
  if (low !== otherLow) return low >>> 0 < otherLow >>> 0 ? -1 : 1;
  return 0;
}

/** Handles in the order of their ids. */
export function rankNodes(ids: NodeIds): Int32Array {
  const { high, low } = ids;
  const order = new Int32Array(high.length).map((_, node) => node);
  return order.sort((left, right) =>
    compareIds(high[left]!, low[left]!, high[right]!, low[right]!),
  );
}

export class Directory implements NeighbourOracle {
  readonly #ids: NodeIds;
  readonly #nodes: Int32Array;
  readonly #ranks: Int32Array;
  /** A bit a rank, and a bit for each word of these that is not 0. */
  readonly #bits: Int32Array;
  readonly #summary: Int32Array;
  #size = 0;

  /** @param ranked of `rankNodes` */
  constructor(ids: NodeIds, ranked: Int32Array) {
    this.#ids = ids;
    this.#nodes = ranked;
    this.#ranks = new Int32Array(ranked.length);
    for (let rank = 0; rank < ranked.length; rank++) this.#ranks[ranked[rank]!] = rank;
    this.#bits = new Int32Array((ranked.length >> 5) + 1);
    this.#summary = new Int32Array((this.#bits.length >> 5) + 1);
  }

  /** Nodes that have joined. */
  get size(): number {
    return this.#size;
  }

  isJoined(node: number): boolean {
    return this.#has(this.#ranks[node]!);
  }

  set(node: number, isJoined: boolean): void {
    const rank = this.#ranks[node]!;
    if (this.#has(rank) === isJoined) return;
    const word = rank >> 5;
    this.#bits[word]! ^= 1 << (rank & 31);
    if (this.#bits[word] === 0) this.#summary[word >> 5]! &= ~(1 << (word & 31));
    else this.#summary[word >> 5]! |= 1 << (word & 31);
    this.#size += isJoined ? 1 : -1;
  }

  successorOf(node: number): number {
    const rank = this.#nextJoined(this.#ranks[node]! + 1);
    return this.#nodes[rank < 0 ? this.#nextJoined(0) : rank]!;
  }

  /** The node that owns a key on the ring: the first at or after it. -1 when nobody has joined. */
  ringOwner(keyHigh: number, keyLow: number): number {
    const rank = this.#nextJoined(this.#rankOf(keyHigh, keyLow));
    if (rank >= 0) return this.#nodes[rank]!;
    const first = this.#nextJoined(0);
    return first < 0 ? -1 : this.#nodes[first]!;
  }

  /** The node that is closest to a key by XOR. -1 when nobody has joined. */
  closest(keyHigh: number, keyLow: number): number {
    return this.#closestIn(0, this.#nodes.length, 0, keyHigh, keyLow);
  }

  closestTo(node: number): number {
    const high = this.#ids.high[node]!;
    const low = this.#ids.low[node]!;
    const wasJoined = this.isJoined(node);
    this.set(node, false);
    const found = this.closest(high, low);
    this.set(node, wasJoined);
    return found;
  }

  /** In a range of ranks that agree in all bits before one. */
  #closestIn(from: number, to: number, bit: number, keyHigh: number, keyLow: number): number {
    let low = from;
    let high = to;
    if (!this.#hasIn(low, high)) return -1;
    for (let at = bit; at < 64 && high - low > 1; at++) {
      const split = this.#split(low, high, at);
      const isHigh = at < 32 ? (keyHigh << at) & LEFTMOST : (keyLow << (at - 32)) & LEFTMOST;
      if (isHigh !== 0) {
        if (this.#hasIn(split, high)) low = split;
        else high = split;
      } else if (this.#hasIn(low, split)) high = split;
      else low = split;
    }
    return this.#nodes[this.#nextJoined(low)]!;
  }

  /** A joined node by chance; -1 when there is none. @param key of a stream of `dice.ts` */
  any(key: number, node: number, counter: number): number {
    const rank = this.#nextJoined(below(this.#nodes.length, key, node, counter));
    if (rank >= 0) return this.#nodes[rank]!;
    const first = this.#nextJoined(0);
    return first < 0 ? -1 : this.#nodes[first]!;
  }

  #has(rank: number): boolean {
    return ((this.#bits[rank >> 5]! >>> (rank & 31)) & 1) === 1;
  }

  #hasIn(from: number, to: number): boolean {
    const rank = this.#nextJoined(from);
    return rank >= 0 && rank < to;
  }

  /** The first rank from there on that has joined; -1 when there is none. */
  #nextJoined(rank: number): number {
    let word = rank >> 5;
    if (word >= this.#bits.length) return -1;
    const here = this.#bits[word]! & (-1 << (rank & 31));
    if (here !== 0) return (word << 5) + lowestBit(here);
    word++;
    let group = word >> 5;
    if (group >= this.#summary.length) return -1;
    let words = this.#summary[group]! & (-1 << (word & 31));
    while (words === 0) {
      if (++group >= this.#summary.length) return -1;
      words = this.#summary[group]!;
    }
    const found = (group << 5) + lowestBit(words);
    return (found << 5) + lowestBit(this.#bits[found]!);
  }

  /** The first rank whose id is not under the key. */
  #rankOf(keyHigh: number, keyLow: number): number {
    const { high, low } = this.#ids;
    let from = 0;
    let to = this.#nodes.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      const node = this.#nodes[middle]!;
      if (compareIds(high[node]!, low[node]!, keyHigh, keyLow) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** In a range of ranks that agree in all bits before: the first with this bit set. */
  #split(from: number, to: number, bit: number): number {
    const half = bit < 32 ? this.#ids.high : this.#ids.low;
    const shift = bit & 31;
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((half[this.#nodes[middle]!]! << shift) & LEFTMOST) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

const LEFTMOST = 1 << 31;

/** Of a word that is not 0. */
function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
