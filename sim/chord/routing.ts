/** Where a node sends what is for a key. */
import { NONE } from "../engine/event-slab.ts";
import type { NodeIds } from "../engine/protocol.ts";
import { Fingers } from "./fingers.ts";
import { Neighbours } from "./neighbours.ts";
import { BIAS, lowerDistance, upperDistance } from "./ring.ts";

export class Routing {
  readonly neighbours: Neighbours;
  readonly fingers: Fingers;
  readonly #ids: NodeIds;

  constructor(ids: NodeIds, rows: number, shift: number, successorsMax: number) {
    this.#ids = ids;
    this.neighbours = new Neighbours(ids, rows, shift, successorsMax);
    this.fingers = new Fingers(ids, rows, shift);
  }

  get changes(): number {
    return this.neighbours.changes + this.fingers.changes;
  }

  /**
   * The next node on the way to a key's owner; the node itself when it believes to be that.
   *
   * The owner of a key is the first node at or after it. So a key is the node's own when it lies after
   * its predecessor; and while that is not known, only when there is no successor either: a node that
   * cannot know must not claim. A key before the successor is sent to the successor, who has to agree.
   * Otherwise it goes to the finger closest before the key or to the node of that very id, and without
   * such a finger to the last successor that is before the key (as OverSim has it: Chord's own rule is
   * "before" for both).
   *
   * @param skip a node that is not to be named, or NONE
   * @returns    NONE when the node knows no way
   */
  nextHop(node: number, keyHigh: number, keyLow: number, skip: number): number {
    const { high, low } = this.#ids;
    const selfLow = low[node]!;
    const upper = upperDistance(high[node]!, selfLow, keyHigh, keyLow);
    const lower = lowerDistance(selfLow, keyLow);
    if (upper === BIAS && lower === BIAS) return node;
    const { neighbours } = this;
    const count = neighbours.countOf(node);
    if (neighbours.predecessorOf(node) === NONE) {
      if (count === 0) return node;
    } else if (neighbours.isOwnPart(node, upper, lower)) return node;
    for (let place = count - 1; place >= 0; place--) {
      const reach = neighbours.upperAt(node, place);
      if (reach > upper) continue;
      const successor = neighbours.at(node, place);
      if (successor === skip) continue;
      if (reach === upper && lowerDistance(selfLow, low[successor]!) >= lower) continue;
      const finger = this.fingers.best(node, upper, lower, reach, skip);
      return finger === NONE ? successor : finger;
    }
    return this.#nearest(node, count, skip);
  }

  forget(node: number, gone: number): void {
    this.neighbours.forget(node, gone);
    this.fingers.forget(node, gone);
  }

  clear(node: number): void {
    this.neighbours.clear(node);
    this.fingers.clear(node);
  }

  #nearest(node: number, count: number, skip: number): number {
    for (let place = 0; place < count; place++) {
      const successor = this.neighbours.at(node, place);
      if (successor !== skip) return successor;
    }
    return NONE;
  }
}
