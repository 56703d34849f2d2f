/**
 * How a node becomes part of the ring.
 *
 * It sends JOIN to its contact; the contact finds the owner of the joiner's id and hands the JOIN on;
 * the owner answers the joiner itself. In an aggressive join the owner takes the joiner as predecessor
 * at once and tells the old one (thesis §2.4.3); otherwise STABILIZE has to find that out.
 */
import { NS_PER_MS } from "../engine/delay.ts";
import { NONE } from "../engine/event-slab.ts";
import type { Outbox } from "../engine/protocol.ts";
import type { ChordScenario } from "../scenario/scenario.ts";
import { HOPS_MAX } from "./lookup-table.ts";
import { listOf } from "./naming.ts";
import type { Routing } from "./routing.ts";
import { TICK, TYPE } from "./types.ts";
import type { Upkeep } from "./upkeep.ts";

const ABSENT = 0;
const JOINS = 1;
const READY = 2;

export interface JoiningParts {
  readonly scenario: ChordScenario;
  readonly outbox: Outbox;
  readonly routing: Routing;
  readonly upkeep: Upkeep;
  readonly rows: number;
  readonly shift: number;
  /** Looks for the owner of a joiner's id. @param hops that the JOIN took so far */
  readonly findOwner: (node: number, joiner: number, hops: number) => void;
}

export class Joining {
  readonly #parts: JoiningParts;
  readonly #states: Uint8Array;
  readonly #contacts: Int32Array;
  /** JOINs that were sent to the contact. */
  readonly #tries: Uint16Array;
  /** Which timer still counts. */
  readonly #serials: Uint16Array;

  constructor(parts: JoiningParts) {
    this.#parts = parts;
    this.#states = new Uint8Array(parts.rows);
    this.#contacts = new Int32Array(parts.rows);
    this.#tries = new Uint16Array(parts.rows);
    this.#serials = new Uint16Array(parts.rows);
  }

  isReady(node: number): boolean {
    return this.#states[node >> this.#parts.shift] === READY;
  }

  /** @param contact NONE: the node is the first, and the ring its own */
  start(node: number, contact: number): void {
    const { outbox, upkeep, shift } = this.#parts;
    const row = node >> shift;
    this.#states[row] = JOINS;
    this.#contacts[row] = contact;
    this.#tries[row] = 0;
    if (contact !== NONE) return this.#sendJoin(node);
    this.#states[row] = READY;
    outbox.joined(node);
    upkeep.beginLater(node);
  }

  stop(node: number): void {
    this.#states[node >> this.#parts.shift] = ABSENT;
  }

  /** Of a node that knows nobody any more. */
  joinAnew(node: number): void {
    this.#states[node >> this.#parts.shift] = JOINS;
    this.#parts.outbox.joinFailed(node);
  }

  /** A JOIN may have been in vain. */
  onTimer(node: number, serial: number): void {
    const { outbox, scenario, shift } = this.#parts;
    const row = node >> shift;
    if (this.#states[row] !== JOINS || serial !== this.#serials[row]) return;
    if (this.#tries[row]! < scenario.joinRetries) this.#sendJoin(node);
    else outbox.joinFailed(node);
  }

  /** As contact of the joiner, or as who was found to own its id. */
  onJoin(node: number, joiner: number, hops: number): void {
    if (joiner !== node && hops <= HOPS_MAX) this.#parts.findOwner(node, joiner, hops);
  }

  /** As owner of the joiner's id. */
  accept(node: number, joiner: number): void {
    const { outbox, routing, scenario, upkeep } = this.#parts;
    const { neighbours } = routing;
    const old = neighbours.predecessorOf(node);
    const isAlone = old === NONE && neighbours.countOf(node) === 0;
    const before = isAlone ? node : old;
    const list = upkeep.listSuccessors(node, before);
    outbox.send(node, joiner, TYPE.welcome, before === NONE ? 0 : 1, 0, 0, list);
    if (scenario.isAggressive) {
      if (old !== NONE && old !== joiner)
        outbox.send(node, old, TYPE.newSuccessor, 0, 0, 0, listOf(outbox.lists, joiner));
      upkeep.setPredecessor(node, joiner);
    }
    if (neighbours.countOf(node) === 0) neighbours.add(node, joiner);
  }

  /**
   * @param before how many of the list stand before the owner's successors: its predecessor until now
   * @param list   a row of lists
   */
  onWelcome(node: number, owner: number, before: number, list: number): void {
    const { outbox, routing, scenario, upkeep, shift } = this.#parts;
    const row = node >> shift;
    if (this.#states[row] !== JOINS) return;
    const { words, width } = outbox.lists;
    const first = list * width + 1;
    const end = first + words[list * width]!;
    for (let at = first + before; at < end; at++) routing.neighbours.add(node, words[at]!);
    routing.neighbours.add(node, owner);
    if (scenario.isAggressive && before > 0 && words[first] !== node)
      upkeep.setPredecessor(node, words[first]!);
    this.#states[row] = READY;
    outbox.joined(node);
    upkeep.begin(node);
  }

  #sendJoin(node: number): void {
    const { outbox, scenario, shift } = this.#parts;
    const row = node >> shift;
    this.#tries[row]!++;
    const serial = ++this.#serials[row]! & 0xffff;
    outbox.send(node, this.#contacts[row]!, TYPE.join, 0, 0, 0, listOf(outbox.lists, node));
    outbox.after(node, scenario.joinDelayMs * NS_PER_MS, TICK.join, serial);
  }
}
