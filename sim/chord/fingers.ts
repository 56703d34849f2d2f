/**
 * Fingers: for each power of two, the node that was found in charge of the id so far ahead.
 *
 * Only powers that the successor does not reach are kept, about log2 of the number of nodes and a few.
 * Powers below 2^32 are never: they would need two neighbours nearer than 2^-32 of the ring.
 */
import { NONE } from "../engine/event-slab.ts";
import type { NodeIds } from "../engine/protocol.ts";
import { BIAS, FARTHEST, lowerDistance, upperDistance } from "./ring.ts";

/** Finger `i` is for the id 2^(32 + i) ahead. */
export const FINGERS = 32;

export class Fingers {
  /** Nodes taken in or out so far, by any node. */
  changes = 0;
  readonly #ids: NodeIds;
  readonly #shift: number;
  readonly #nodes: Int32Array;
  /** Upper halves of their distances from the node, biased; FARTHEST where there is no finger. */
  readonly #uppers: Int32Array;

  constructor(ids: NodeIds, rows: number, shift: number) {
    this.#ids = ids;
    this.#shift = shift;
    this.#nodes = new Int32Array(rows * FINGERS).fill(NONE);
    this.#uppers = new Int32Array(rows * FINGERS).fill(FARTHEST);
  }

  /** NONE where there is none. */
  at(node: number, finger: number): number {
    return this.#nodes[(node >> this.#shift) * FINGERS + finger]!;
  }

  /** @param found NONE to clear it, as does the node itself */
  set(node: number, finger: number, found: number): void {
    const to = found === node ? NONE : found;
    const at = (node >> this.#shift) * FINGERS + finger;
    const old = this.#nodes[at];
    if (old === to) return;
    if (old !== NONE) this.changes++;
    this.#nodes[at] = to;
    this.#uppers[at] = FARTHEST;
    if (to === NONE) return;
    this.changes++;
    const { high, low } = this.#ids;
    this.#uppers[at] = upperDistance(high[node]!, low[node]!, high[to]!, low[to]!);
  }

  clear(node: number): void {
    const first = (node >> this.#shift) * FINGERS;
    this.#nodes.fill(NONE, first, first + FINGERS);
    this.#uppers.fill(FARTHEST, first, first + FINGERS);
  }

  forget(node: number, gone: number): void {
    const first = (node >> this.#shift) * FINGERS;
    for (let at = first; at < first + FINGERS; at++) {
      if (this.#nodes[at] !== gone) continue;
      this.changes++;
      this.#nodes[at] = NONE;
      this.#uppers[at] = FARTHEST;
    }
  }

  /**
   * The finger of the highest power that does not lie beyond a distance, nor before another one.
   *
   * @param leastUpper upper half of what it must reach; at a tie it counts as reached
   * @param skip       a node that is not to be named, or NONE
   * @returns          NONE when no finger does
   */
  best(node: number, upper: number, lower: number, leastUpper: number, skip: number): number {
    const first = (node >> this.#shift) * FINGERS;
    const uppers = this.#uppers;
    // The finger of a power reaches at least that power, so the highest ones cannot fit; but a
    // finger that a broken ring gave may be anywhere, so all are looked at from the top.
    for (let at = first + FINGERS - 1; at >= first; at--) {
      const reach = uppers[at]!;
      if (reach > upper || reach < leastUpper) continue;
      const to = this.#nodes[at]!;
      if (to === NONE || to === skip) continue;
      if (reach === upper && this.#lowerTo(node, to) > lower) continue;
      return to;
    }
    return NONE;
  }

  #lowerTo(node: number, to: number): number {
    return lowerDistance(this.#ids.low[node]!, this.#ids.low[to]!);
  }
}

/** The upper half of the id that a finger is for. */
export function fingerKey(high: number, finger: number): number {
  return (high + (1 << finger)) | 0;
}

/** Whether the id of a finger lies beyond a distance. @param upper its upper half, biased */
export function isBeyond(finger: number, upper: number): boolean {
  // Equal upper halves: the distance is at least the power, its lower half being 0.
  return ((1 << finger) ^ BIAS) > upper;
}
