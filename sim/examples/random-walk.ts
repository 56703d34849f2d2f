/**
 * An overlay without any structure, searched by random walks: a whole protocol in one file, as an
 * example of how one is written (`docs/simulation-protocols.md`).
 *
 * Each node has some neighbours by chance. What is looked for is kept by every node whose id begins
 * with the same bits as the key (`PREFIX_BITS`), so that a walk meets one after some 2^PREFIX_BITS
 * steps (Gkantsidis, Mihail and Saberi 2004). The node that searches asks one node after the other;
 * who is asked says whether it keeps the key, and names one of its neighbours to go on with.
 */
import { NS_PER_S } from "../engine/delay.ts";
import { NONE } from "../engine/event-slab.ts";
import {
  ANSWER,
  CONTACT_BYTES,
  ID_BYTES,
  PROTOCOL_TYPE,
  type NeighbourOracle,
  type NodeIds,
  type Outbox,
  type Protocol,
} from "../engine/protocol.ts";
import type { ProtocolFactory, ProtocolParts } from "../engine/simulation.ts";

/** Types of messages, and one of timers. */
const JOIN = PROTOCOL_TYPE;
const STEP = PROTOCOL_TYPE + 1;
const GREET = PROTOCOL_TYPE + 2;
const CHECK = PROTOCOL_TYPE + 3;

const DEGREE = 8;
const PREFIX_BITS = 4;
const STEPS_MAX = 200;
/** How often a node looks whether it still has enough neighbours. */
const CHECK_NS = 5 * NS_PER_S;

/** Words of a walk. */
const NODE = 0;
const HIGH = 1;
const LOW = 2;
const TAG = 3;
const STEPS = 4;
const WIDTH = 5;

export const RANDOM_WALK: ProtocolFactory = {
  typeNames: new Map([
    [JOIN, "join"],
    [STEP, "step"],
    [GREET, "greet"],
  ]),
  listMax: () => DEGREE,
  create: (parts) => new RandomWalk(parts),
};

class RandomWalk implements Protocol {
  changes = 0;
  readonly typeBytes = new Map([
    [JOIN, CONTACT_BYTES],
    [STEP, CONTACT_BYTES + ID_BYTES],
    [GREET, CONTACT_BYTES],
    [STEP | ANSWER, CONTACT_BYTES],
  ]);
  readonly #ids: NodeIds;
  readonly #out: Outbox;
  readonly #shift: number;
  /** DEGREE words a row, of which the first ones are filled. */
  readonly #neighbours: Int32Array;
  readonly #counts: Uint8Array;
  /** 1 for those that have joined, and look after their neighbours. */
  readonly #isReady: Uint8Array;
  /** Walks under way, and rows of them that are free. */
  #walks = new Int32Array(WIDTH * 256);
  #starts = new Float64Array(256);
  readonly #free: number[] = [];
  #made = 0;

  constructor({ ids, outbox, rows, shift }: ProtocolParts) {
    this.#ids = ids;
    this.#out = outbox;
    this.#shift = shift;
    this.#neighbours = new Int32Array(rows * DEGREE);
    this.#counts = new Uint8Array(rows);
    this.#isReady = new Uint8Array(rows);
  }

  start(node: number, contact: number): void {
    if (contact === NONE) this.#become(node);
    else this.#out.request(node, contact, JOIN, 0, 0, 0, NONE, NONE);
  }

  stop(node: number): void {
    this.#counts[node >> this.#shift] = 0;
    this.#isReady[node >> this.#shift] = 0;
  }

  onMessage(node: number, from: number, type: number, a: number): void {
    if (type === JOIN) this.#answerJoin(node, from);
    else if (type === STEP) {
      // The neighbour is chosen by the node that is asked: it is its own random number.
      const isKept = this.isResponsible(node, a);
      this.#out.answer(node, isKept ? 1 : 0, this.#anyNeighbour(node), 0, NONE);
    } else this.#add(node, from);
  }

  onAnswer(
    node: number,
    from: number,
    type: number,
    a: number,
    b: number,
    _c: number,
    list: number,
    walk: number,
  ): void {
    if (type === (JOIN | ANSWER)) return this.#onWelcome(node, from, list);
    this.#walks[walk * WIDTH + STEPS]!++;
    if (a === 1) this.#end(walk, from);
    else this.#step(walk, b === node ? NONE : b);
  }

  onTimeout(node: number, to: number, type: number, walk: number, isOfNow: boolean): void {
    if (isOfNow) this.#remove(node, to);
    if (type === STEP && isOfNow) this.#step(walk, NONE);
    else if (type === STEP) this.#free.push(walk);
    else if (isOfNow && this.#isReady[node >> this.#shift] === 0) this.#out.joinFailed(node);
  }

  onTimer(node: number): void {
    const row = node >> this.#shift;
    const contact = this.#anyNeighbour(node);
    if (contact === NONE) {
      this.#isReady[row] = 0;
      this.#out.joinFailed(node);
      return;
    }
    if (this.#counts[row]! < DEGREE / 2)
      this.#out.request(node, contact, JOIN, 0, 0, 0, NONE, NONE);
    this.#out.after(node, CHECK_NS, CHECK, 0);
  }

  lookup(node: number, keyHigh: number, keyLow: number, tag: number): void {
    const { nowNs } = this.#out;
    if (this.isResponsible(node, keyHigh))
      return this.#out.found(node, tag, keyHigh, keyLow, node, 0, nowNs);
    const walk = this.#free.pop() ?? this.#made++;
    if (walk === this.#starts.length) this.#grow();
    this.#walks.set([node, keyHigh, keyLow, tag, 0], walk * WIDTH);
    this.#starts[walk] = nowNs;
    this.#step(walk, NONE);
  }

  isResponsible(node: number, keyHigh: number): boolean {
    return (this.#ids.high[node]! ^ keyHigh) >>> (32 - PREFIX_BITS) === 0;
  }

  isOwner(node: number, keyHigh: number): boolean {
    return this.isResponsible(node, keyHigh);
  }

  /** There is no neighbour that a node has to have. It has enough of them, and they live. */
  isAccurate(node: number, directory: NeighbourOracle): boolean {
    const neighbours = this.contacts(node);
    return neighbours.length >= DEGREE / 2 && neighbours.every((one) => directory.isJoined(one));
  }

  /** Nobody knows who else keeps a key. */
  neighbours(node: number, _high: number, _low: number, _count: number, into: Int32Array): number {
    into[0] = node;
    return 1;
  }

  contacts(node: number): readonly number[] {
    const row = node >> this.#shift;
    return [...this.#neighbours.subarray(row * DEGREE, row * DEGREE + this.#counts[row]!)];
  }

  #become(node: number): void {
    this.#isReady[node >> this.#shift] = 1;
    this.#out.joined(node);
    this.#out.after(node, CHECK_NS, CHECK, 0);
  }

  /** Names its neighbours, and takes the newcomer as one. */
  #answerJoin(node: number, newcomer: number): void {
    const { lists } = this.#out;
    const list = lists.take();
    const at = list * lists.width;
    const known = this.contacts(node);
    lists.words[at] = known.length;
    lists.words.set(known, at + 1);
    this.#add(node, newcomer);
    this.#out.answer(node, 0, 0, 0, list);
  }

  #onWelcome(node: number, from: number, list: number): void {
    const { lists } = this.#out;
    const at = list * lists.width;
    // A copy: whoever sends may make the words another array.
    const named = [...lists.words.subarray(at + 1, at + 1 + lists.words[at]!)];
    this.#add(node, from);
    for (const other of named) {
      if (other === node) continue;
      this.#add(node, other);
      this.#out.send(node, other, GREET, 0, 0, 0, NONE);
    }
    // Who has joined asks for more neighbours only; its timer goes on.
    if (this.#isReady[node >> this.#shift] === 0) this.#become(node);
  }

  /** @param next NONE: begins anew, at a neighbour of the node's own */
  #step(walk: number, next: number): void {
    const at = walk * WIDTH;
    const node = this.#walks[at + NODE]!;
    const to = next === NONE ? this.#anyNeighbour(node) : next;
    if (to === NONE || this.#walks[at + STEPS]! >= STEPS_MAX) return this.#end(walk, NONE);
    const high = this.#walks[at + HIGH]!;
    this.#out.request(node, to, STEP, high, this.#walks[at + LOW]!, 0, NONE, walk);
  }

  #end(walk: number, owner: number): void {
    const words = this.#walks;
    const at = walk * WIDTH;
    const [high, low] = [words[at + HIGH]!, words[at + LOW]!];
    const startNs = this.#starts[walk]!;
    this.#free.push(walk);
    this.#out.found(
      words[at + NODE]!,
      words[at + TAG]!,
      high,
      low,
      owner,
      words[at + STEPS]!,
      startNs,
    );
  }

  #anyNeighbour(node: number): number {
    const row = node >> this.#shift;
    const count = this.#counts[row]!;
    if (count === 0) return NONE;
    return this.#neighbours[row * DEGREE + ((this.#out.random(node) >>> 0) % count)]!;
  }

  /** A full list gives up one of its own by chance. */
  #add(node: number, other: number): void {
    const row = node >> this.#shift;
    const first = row * DEGREE;
    const count = this.#counts[row]!;
    if (this.#neighbours.subarray(first, first + count).includes(other)) return;
    this.changes++;
    if (count < DEGREE) this.#neighbours[first + this.#counts[row]!++] = other;
    else this.#neighbours[first + ((this.#out.random(node) >>> 0) % DEGREE)] = other;
  }

  #remove(node: number, other: number): void {
    const row = node >> this.#shift;
    const first = row * DEGREE;
    const at = this.#neighbours.subarray(first, first + this.#counts[row]!).indexOf(other);
    if (at < 0) return;
    this.changes++;
    const last = --this.#counts[row]!;
    this.#neighbours[first + at] = this.#neighbours[first + last]!;
  }

  #grow(): void {
    const walks = new Int32Array(this.#walks.length * 2);
    walks.set(this.#walks);
    this.#walks = walks;
    const starts = new Float64Array(this.#starts.length * 2);
    starts.set(this.#starts);
    this.#starts = starts;
  }
}
