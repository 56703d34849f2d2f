/**
 * What a node does to keep its place on the ring and its fingers: STABILIZE, NOTIFY, FIXFINGERS.
 *
 * Stoica et al. 2001, figure 6, with the answer to NOTIFY carrying the successor's own successors. A
 * predecessor that was silent for one of the node's own (longest) periods is taken for dead.
 */
import { NS_PER_MS } from "../engine/delay.ts";
import { NONE } from "../engine/event-slab.ts";
import type { NodeIds, Outbox } from "../engine/protocol.ts";
import type { ChordScenario } from "../scenario/scenario.ts";
import { fingerKey, FINGERS, isBeyond } from "./fingers.ts";
import { firstOf, listOf } from "./naming.ts";
import type { Routing } from "./routing.ts";
import { TICK, TYPE } from "./types.ts";

export interface UpkeepParts {
  readonly scenario: ChordScenario;
  readonly ids: NodeIds;
  readonly outbox: Outbox;
  readonly routing: Routing;
  readonly rows: number;
  readonly shift: number;
  /** Looks for a finger's node, which then becomes the finger. */
  readonly findFinger: (node: number, finger: number, keyHigh: number, keyLow: number) => void;
}

export class Upkeep {
  readonly #parts: UpkeepParts;
  readonly #silenceNs: number;
  /** Of each row: which of its timers still counts. */
  readonly #stabilizes: Uint16Array;
  readonly #fixes: Uint16Array;
  /** When each row last heard of its predecessor. */
  readonly #heardNs: Float64Array;
  /** The successor that each row lost and whose own successor has not been told yet, or NONE. */
  readonly #lost: Int32Array;

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
    this.#silenceNs = parts.scenario.stabilizeMs[1] * NS_PER_MS;
    this.#stabilizes = new Uint16Array(parts.rows);
    this.#fixes = new Uint16Array(parts.rows);
    this.#heardNs = new Float64Array(parts.rows);
    this.#lost = new Int32Array(parts.rows).fill(NONE);
  }

  /** At once, and from then on every so often. */
  begin(node: number): void {
    this.#stabilize(node);
    this.#fixFingers(node);
  }

  /** Of the first node, which has nobody to ask yet. */
  beginLater(node: number): void {
    this.#stabilizeLater(node);
    this.#fixFingersLater(node);
  }

  /** Timers that run do not count any more. */
  end(node: number): void {
    const row = node >> this.#parts.shift;
    this.#stabilizes[row]!++;
    this.#fixes[row]!++;
    this.#lost[row] = NONE;
  }

  /** @param serial of the timer */
  onTimer(node: number, type: number, serial: number): void {
    const row = node >> this.#parts.shift;
    if (type === TICK.stabilize && serial === this.#stabilizes[row]) this.#stabilize(node);
    else if (type === TICK.fixFingers && serial === this.#fixes[row]) this.#fixFingers(node);
  }

  /** The successor is another one, since the last was found dead. */
  onSuccessorLost(node: number, lost: number): void {
    this.#lost[node >> this.#parts.shift] = lost;
    this.#stabilize(node);
  }

  /**
   * @param lost whom the sender found dead, or NONE; were it named as predecessor, the sender would
   *             take it for its successor again and again
   */
  onStabilize(node: number, from: number, lost: number): void {
    const { outbox, routing } = this.#parts;
    this.#hear(node, from);
    if (lost !== NONE && routing.neighbours.predecessorOf(node) === lost)
      routing.neighbours.setPredecessor(node, NONE);
    const predecessor = routing.neighbours.predecessorOf(node);
    outbox.answer(node, 0, 0, 0, listOf(outbox.lists, predecessor));
  }

  /** @param list a row of lists: the successor's predecessor */
  onStabilizeAnswer(node: number, list: number): void {
    const { outbox, routing } = this.#parts;
    const { neighbours } = routing;
    const predecessor = firstOf(outbox.lists, list);
    this.#lost[node >> this.#parts.shift] = NONE;
    if (predecessor !== NONE && neighbours.isBeforeSuccessor(node, predecessor))
      neighbours.add(node, predecessor);
    this.#notify(node);
  }

  onNotify(node: number, from: number): void {
    const { neighbours } = this.#parts.routing;
    this.#hear(node, from);
    const isUnknown = neighbours.predecessorOf(node) === NONE;
    if (isUnknown || neighbours.isAfterPredecessor(node, from)) {
      this.setPredecessor(node, from);
      if (neighbours.countOf(node) === 0) neighbours.add(node, from);
    }
    this.#parts.outbox.answer(node, 0, 0, 0, this.listSuccessors(node, NONE));
  }

  /** The successor's successors replace the node's own. @param list a row of lists */
  onNotifyAnswer(node: number, from: number, list: number): void {
    const { outbox, routing } = this.#parts;
    const { neighbours } = routing;
    if (list === NONE || neighbours.successorOf(node) !== from) return;
    const { words, width } = outbox.lists;
    const first = list * width + 1;
    neighbours.replace(node, from, words, first, first + words[list * width]!);
  }

  setPredecessor(node: number, predecessor: number): void {
    const { outbox, routing, shift } = this.#parts;
    routing.neighbours.setPredecessor(node, predecessor);
    this.#heardNs[node >> shift] = outbox.nowNs;
  }

  /** A new row of lists. @param before who stands before the successors, or NONE */
  listSuccessors(node: number, before: number): number {
    const { outbox, routing } = this.#parts;
    const { lists } = outbox;
    const list = listOf(lists, before);
    const row = list === NONE ? lists.take() : list;
    const { words, width } = lists;
    const first = row * width + 1 + words[row * width]!;
    const count = routing.neighbours.countOf(node);
    for (let place = 0; place < count; place++)
      words[first + place] = routing.neighbours.at(node, place);
    words[row * width]! += count;
    return row;
  }

  #stabilize(node: number): void {
    const { outbox, routing, shift } = this.#parts;
    const { neighbours } = routing;
    if (outbox.nowNs - this.#heardNs[node >> shift]! > this.#silenceNs)
      neighbours.setPredecessor(node, NONE);
    const successor = neighbours.successorOf(node);
    const lost = this.#lost[node >> shift]!;
    if (successor !== NONE) outbox.request(node, successor, TYPE.stabilize, lost, 0, 0, NONE, NONE);
    this.#stabilizeLater(node);
  }

  #notify(node: number): void {
    const { outbox, routing } = this.#parts;
    const successor = routing.neighbours.successorOf(node);
    if (successor !== NONE) outbox.request(node, successor, TYPE.notify, 0, 0, 0, NONE, NONE);
  }

  #fixFingers(node: number): void {
    const { ids, routing, findFinger } = this.#parts;
    const { neighbours, fingers } = routing;
    if (neighbours.countOf(node) > 0) {
      const reach = neighbours.upperAt(node, 0);
      const high = ids.high[node]!;
      const low = ids.low[node]!;
      for (let finger = 0; finger < FINGERS; finger++)
        if (isBeyond(finger, reach)) findFinger(node, finger, fingerKey(high, finger), low);
        else fingers.set(node, finger, NONE);
    }
    this.#fixFingersLater(node);
  }

  #stabilizeLater(node: number): void {
    const { outbox, scenario, shift } = this.#parts;
    const serials = this.#stabilizes;
    const serial = ++serials[node >> shift]! & 0xffff;
    outbox.after(node, this.#drawNs(node, scenario.stabilizeMs), TICK.stabilize, serial);
  }

  #fixFingersLater(node: number): void {
    const { outbox, scenario, shift } = this.#parts;
    const serial = ++this.#fixes[node >> shift]! & 0xffff;
    outbox.after(node, this.#drawNs(node, scenario.fixFingersMs), TICK.fixFingers, serial);
  }

  #drawNs(node: number, [fromMs, toMs]: readonly [number, number]): number {
    if (fromMs === toMs) return Math.floor(fromMs * NS_PER_MS);
    const share = (this.#parts.outbox.random(node) >>> 0) * 2 ** -32;
    return Math.floor((fromMs + (toMs - fromMs) * share) * NS_PER_MS);
  }

  #hear(node: number, from: number): void {
    const { outbox, routing, shift } = this.#parts;
    if (routing.neighbours.predecessorOf(node) === from)
      this.#heardNs[node >> shift] = outbox.nowNs;
  }
}
