/**
 * The contacts nearest to a key among those offered, in order.
 *
 * They are gathered as they come and sorted once: dealt to bins by the upper bits of their distances,
 * and put right within the bins. An answer names dozens, and most of the time of a large simulation
 * would go into sorting each of them in.
 */
import type { NodeIds } from "../engine/protocol.ts";
import type { Collector } from "./routing-table.ts";

const BIN_BITS = 6;
const BINS = 1 << BIN_BITS;
/** Up to as many are sorted without bins. */
const FEW = 8;
/** Distances are kept with the sign bit flipped: so they are in order as signed numbers, which V8 likes better. */
const FLIP = 0x80000000 | 0;

export class Closest implements Collector {
  /** After `finish`: how many there are. */
  count = 0;
  /** After `finish`: the nearest first. */
  nodes: Int32Array;
  readonly #ids: NodeIds;
  /** Upper halves of the distances of `nodes`. */
  #distances: Int32Array;
  /** As they were offered. */
  #offered: Int32Array;
  #offeredDistances: Int32Array;
  #offers = 0;
  readonly #bins = new Int32Array(BINS + 1);
  #wanted = 0;
  #keyHigh = 0;
  #keyLow = 0;

  constructor(ids: NodeIds) {
    this.#ids = ids;
    this.nodes = new Int32Array(64);
    this.#distances = new Int32Array(64);
    this.#offered = new Int32Array(64);
    this.#offeredDistances = new Int32Array(64);
  }

  begin(keyHigh: number, keyLow: number, wanted: number): void {
    this.#keyHigh = keyHigh;
    this.#keyLow = keyLow;
    this.#wanted = wanted;
    this.#offers = 0;
  }

  offer(contact: number): void {
    const at = this.#offers++;
    if (at === this.#offered.length) this.#widen();
    this.#offered[at] = contact;
    this.#offeredDistances[at] = this.#ids.high[contact]! ^ this.#keyHigh ^ FLIP;
  }

  isSatisfied(bits: number): boolean {
    const distances = this.#offeredDistances;
    const offers = this.#offers;
    let missing = this.#wanted;
    for (let at = 0; at < offers; at++)
      if (Math.clz32(distances[at]! ^ FLIP) >= bits && --missing <= 0) return true;
    return missing <= 0;
  }

  /** Sorts what was offered, and leaves out what is more than wanted. */
  finish(): void {
    const offers = this.#offers;
    this.count = Math.min(offers, this.#wanted);
    if (offers > FEW) this.#sort(this.#deal());
    else {
      for (let at = 0; at < offers; at++) {
        this.nodes[at] = this.#offered[at]!;
        this.#distances[at] = this.#offeredDistances[at]!;
      }
      this.#sort(offers);
    }
  }

  /** By the upper bits in which they differ. @returns how many are in bins with any that is wanted */
  #deal(): number {
    const bins = this.#bins;
    const from = this.#offeredDistances;
    const offers = this.#offers;
    let all = 0;
    for (let at = 0; at < offers; at++) all |= from[at]! ^ FLIP;
    const shift = Math.max(0, 32 - Math.clz32(all) - BIN_BITS);
    bins.fill(0);
    for (let at = 0; at < offers; at++) bins[((from[at]! ^ FLIP) >>> shift) + 1]!++;
    let end = 0;
    for (let bin = 1; bin <= BINS; bin++) {
      bins[bin]! += bins[bin - 1]!;
      if (end < this.count) end = bins[bin]!;
    }
    for (let at = 0; at < offers; at++) {
      const distance = from[at]!;
      const to = bins[(distance ^ FLIP) >>> shift]!++;
      this.#distances[to] = distance;
      this.nodes[to] = this.#offered[at]!;
    }
    return end;
  }

  /** By insertion. @param end of those to sort */
  #sort(end: number): void {
    const nodes = this.nodes;
    const distances = this.#distances;
    for (let next = 1; next < end; next++) {
      const distance = distances[next]!;
      if (distances[next - 1]! < distance) continue;
      const contact = nodes[next]!;
      let at = next;
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
  }

  /** Of two with one upper half. */
  #isNearer(left: number, right: number): boolean {
    const { low } = this.#ids;
    return (low[left]! ^ this.#keyLow) >>> 0 < (low[right]! ^ this.#keyLow) >>> 0;
  }

  #widen(): void {
    const size = this.#offered.length * 2;
    const offered = new Int32Array(size);
    offered.set(this.#offered);
    this.#offered = offered;
    const distances = new Int32Array(size);
    distances.set(this.#offeredDistances);
    this.#offeredDistances = distances;
    this.nodes = new Int32Array(size);
    this.#distances = new Int32Array(size);
  }
}
