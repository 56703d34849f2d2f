/**
 * Chord as a core: a table of nodes, for the simulator to run.
 *
 * Stoica et al. 2001, with what the thesis' chapter 2 says of it and OverSim's resolution of what both
 * leave open: successor lists, JOIN through a contact that looks for the owner, aggressive join
 * (§2.4.3). Not supported: leaving with a word, fingers chosen by nearness, merging of rings.
 * Liars lie in lookups only, and not to each other: what they say of the ring's neighbours is true.
 *
 * To follow a lookup: `lookup` here begins it; `Routing.nextHop` says where to; `IterativeLookups` goes
 * from node to node with `find-node`, which `onMessage` here answers; `#onFound` hears the end.
 */
import type { Adversary } from "../engine/adversary.ts";
import { NONE } from "../engine/event-slab.ts";
import { ANSWER, type NeighbourOracle, type Outbox, type Protocol } from "../engine/protocol.ts";
import type { ProtocolFactory, ProtocolParts } from "../engine/simulation.ts";
import { FINGERS } from "./fingers.ts";
import { ForwardedLookups } from "./forwarded-lookups.ts";
import { IterativeLookups } from "./iterative-lookups.ts";
import { Joining } from "./joining.ts";
import { firstOf, listOf } from "./naming.ts";
import { Routing } from "./routing.ts";
import { PURPOSE, TICK, TYPE, TYPE_BYTES, TYPE_NAMES } from "./types.ts";
import { Upkeep } from "./upkeep.ts";

export const CHORD: ProtocolFactory = {
  typeNames: TYPE_NAMES,
  // Of a WELCOME: a predecessor and the successors. What recursive routing forwards has two entries.
  listMax: ({ chord }) => Math.max(2, chord.successors + 1),
  create: (parts) => new Chord(parts),
};

export class Chord implements Protocol {
  readonly typeBytes = TYPE_BYTES;
  readonly #outbox: Outbox;
  readonly #isRecursive: boolean;
  readonly #routing: Routing;
  readonly #iterative: IterativeLookups;
  readonly #forwarded: ForwardedLookups;
  readonly #upkeep: Upkeep;
  readonly #joining: Joining;
  readonly #adversary: Adversary | undefined;

  constructor({ scenario, ids, outbox, rows, shift, adversary }: ProtocolParts) {
    const { chord } = scenario;
    this.#outbox = outbox;
    this.#adversary = adversary;
    this.#isRecursive = chord.routing === "recursive";
    const routing = new Routing(ids, rows, shift, chord.successors);
    this.#routing = routing;
    this.#iterative = new IterativeLookups(outbox, routing, this);
    this.#forwarded = new ForwardedLookups(outbox, routing, this);
    this.#upkeep = new Upkeep({
      ...{ scenario: chord, ids, outbox, routing, rows, shift },
      findFinger: (node, finger, keyHigh, keyLow) => {
        if (this.#isRecursive)
          this.#forwarded.forward(node, PURPOSE.finger, keyHigh, keyLow, node, finger, 0);
        else this.#iterative.begin(node, PURPOSE.finger, keyHigh, keyLow, finger, 0);
      },
    });
    this.#joining = new Joining({
      ...{ scenario: chord, outbox, routing, rows, shift, upkeep: this.#upkeep },
      findOwner: (node, joiner, hops) => {
        const keyHigh = ids.high[joiner]!;
        const keyLow = ids.low[joiner]!;
        if (this.#isRecursive)
          this.#forwarded.forward(node, PURPOSE.join, keyHigh, keyLow, joiner, 0, hops);
        else this.#iterative.begin(node, PURPOSE.join, keyHigh, keyLow, joiner, hops);
      },
    });
  }

  get changes(): number {
    return this.#routing.changes;
  }

  start(node: number, contact: number): void {
    this.#routing.clear(node);
    this.#joining.start(node, contact);
  }

  stop(node: number): void {
    this.#routing.clear(node);
    this.#upkeep.end(node);
    this.#joining.stop(node);
  }

  onMessage(
    node: number,
    from: number,
    type: number,
    a: number,
    b: number,
    c: number,
    list: number,
  ): void {
    const isReady = this.#joining.isReady(node);
    const { lists } = this.#outbox;
    if (type === TYPE.findNode) {
      const isLie = isReady && this.#adversary?.isLiar(from) === false && this.#isLie(node, a);
      const hop = isLie ? this.#named(a, b) : isReady ? this.#nextHop(node, a, b, c) : NONE;
      if (hop === node) this.#outbox.answer(node, 1, 0, 0, NONE);
      else this.#outbox.answer(node, 0, 0, 0, listOf(lists, hop));
    } else if (type === TYPE.welcome) this.#joining.onWelcome(node, from, a, list);
    // It may overtake the welcome.
    else if (type === TYPE.newSuccessor) this.#onHint(node, firstOf(lists, list));
    // Who asks waits for its time-out, as in OverSim.
    else if (!isReady) return;
    else if (type === TYPE.stabilize) this.#upkeep.onStabilize(node, from, a);
    else if (type === TYPE.notify) this.#upkeep.onNotify(node, from);
    else if (type === TYPE.fixFinger) this.#outbox.answer(node, a, 0, 0, NONE);
    else if (type === TYPE.join) this.#joining.onJoin(node, firstOf(lists, list), a);
    else if (type === TYPE.finger) this.#routing.fingers.set(node, a, from);
    else if (type === TYPE.owner) this.#outbox.found(node, a, b, c, from, 0, this.#outbox.nowNs);
    else this.#forwarded.onMessage(node, type, a, b, c, list);
  }

  onAnswer(
    node: number,
    from: number,
    type: number,
    a: number,
    _b: number,
    _c: number,
    list: number,
    context: number,
  ): void {
    const isReady = this.#joining.isReady(node);
    const asked = type & ~ANSWER;
    if (asked === TYPE.findNode) {
      const hop = a === 1 ? from : firstOf(this.#outbox.lists, list);
      if (isReady) this.#iterative.onAnswer(node, from, hop, context);
      else this.#iterative.fail(context);
    } else if (asked >= TYPE.routeQuery) this.#forwarded.drop(context);
    else if (!isReady) return;
    else if (asked === TYPE.stabilize) this.#upkeep.onStabilizeAnswer(node, list);
    else if (asked === TYPE.notify) this.#upkeep.onNotifyAnswer(node, from, list);
    else if (asked === TYPE.fixFinger) this.#routing.fingers.set(node, a, from);
  }

  onTimeout(node: number, to: number, type: number, context: number, isOfNow: boolean): void {
    const isReady = isOfNow && this.#joining.isReady(node);
    const isStill = isReady && this.#lose(node, to);
    if (type === TYPE.findNode) {
      if (isStill) this.#iterative.onTimeout(node, to, context);
      else if (isOfNow) this.#iterative.fail(context);
      else this.#iterative.drop(context);
    } else if (type >= TYPE.routeQuery) {
      if (isStill) this.#forwarded.onTimeout(node, context);
      else this.#forwarded.drop(context);
    }
  }

  onTimer(node: number, type: number, a: number): void {
    if (type === TICK.join) this.#joining.onTimer(node, a);
    else this.#upkeep.onTimer(node, type, a);
  }

  lookup(node: number, keyHigh: number, keyLow: number, tag: number): void {
    const { nowNs } = this.#outbox;
    if (!this.#joining.isReady(node))
      this.#outbox.found(node, tag, keyHigh, keyLow, NONE, 0, nowNs);
    else if (this.#isRecursive && tag !== 0)
      this.#forwarded.forward(node, PURPOSE.owner, keyHigh, keyLow, node, tag, 0);
    else if (this.#isRecursive) {
      const startUs = Math.floor(nowNs / 1000) | 0;
      this.#forwarded.forward(node, PURPOSE.query, keyHigh, keyLow, tag, startUs, 0);
    } else this.#iterative.begin(node, PURPOSE.query, keyHigh, keyLow, tag, 0);
  }

  isResponsible(node: number, keyHigh: number, keyLow: number): boolean {
    if (!this.#joining.isReady(node)) return false;
    if (this.#isLie(node, keyHigh)) return true;
    return this.#routing.nextHop(node, keyHigh, keyLow, NONE) === node;
  }

  isOwner(node: number, keyHigh: number, keyLow: number, directory: NeighbourOracle): boolean {
    return directory.ringOwner(keyHigh, keyLow) === node;
  }

  isAccurate(node: number, directory: NeighbourOracle): boolean {
    const successor = this.#routing.neighbours.successorOf(node);
    return (successor === NONE ? node : successor) === directory.successorOf(node);
  }

  /**
   * The node and its successors: whoever owns the key when those before it have gone. Who is not the
   * owner knows of one node only that is nearer to it: its predecessor.
   */
  neighbours(
    node: number,
    keyHigh: number,
    keyLow: number,
    count: number,
    into: Int32Array,
  ): number {
    const predecessor = this.#routing.neighbours.predecessorOf(node);
    const isOwner = this.isResponsible(node, keyHigh, keyLow);
    const nearer = predecessor === NONE ? [] : [predecessor];
    const all = isOwner ? [node, ...this.successors(node)] : [...nearer, node];
    const closest = all.slice(0, count);
    into.set(closest);
    return closest.length;
  }

  contacts(node: number): readonly number[] {
    const { neighbours, fingers } = this.#routing;
    const known = new Set(this.successors(node));
    for (let finger = 0; finger < FINGERS; finger++) known.add(fingers.at(node, finger));
    known.add(neighbours.predecessorOf(node));
    known.delete(NONE);
    return [...known];
  }

  /** The nearest first. */
  successors(node: number): readonly number[] {
    const { neighbours } = this.#routing;
    return Array.from({ length: neighbours.countOf(node) }, (_, place) =>
      neighbours.at(node, place),
    );
  }

  /** NONE when it is not known. */
  predecessor(node: number): number {
    return this.#routing.neighbours.predecessorOf(node);
  }

  /** An iterative lookup ended. */
  onFound(
    node: number,
    purpose: number,
    keyHigh: number,
    keyLow: number,
    subject: number,
    detail: number,
    owner: number,
    hops: number,
    startNs: number,
  ): void {
    const outbox = this.#outbox;
    if (purpose === PURPOSE.query)
      outbox.found(node, subject, keyHigh, keyLow, owner, hops, startNs);
    else if (owner === NONE) return;
    else if (purpose === PURPOSE.join) {
      if (owner === node) this.#joining.accept(node, subject);
      else {
        const joiner = listOf(outbox.lists, subject);
        outbox.send(node, owner, TYPE.join, detail + hops + 1, 0, 0, joiner);
      }
    } else if (owner === node) this.#routing.fingers.set(node, subject, NONE);
    else outbox.request(node, owner, TYPE.fixFinger, subject, 0, 0, NONE, NONE);
  }

  /** What recursive routing forwarded is at its owner, or lost. */
  onArrived(
    node: number,
    purpose: number,
    keyHigh: number,
    keyLow: number,
    subject: number,
    detail: number,
    owner: number,
    hops: number,
  ): void {
    const outbox = this.#outbox;
    if (purpose === PURPOSE.query) {
      const { nowNs } = outbox;
      const tookUs = ((Math.floor(nowNs / 1000) | 0) - detail) | 0;
      outbox.found(node, subject, keyHigh, keyLow, owner, hops, nowNs - tookUs * 1000);
    } else if (purpose === PURPOSE.owner && subject === node)
      outbox.found(node, detail, keyHigh, keyLow, owner, hops, outbox.nowNs);
    else if (owner === NONE) return;
    else if (purpose === PURPOSE.join) this.#joining.accept(node, subject);
    else if (purpose === PURPOSE.owner)
      outbox.send(node, subject, TYPE.owner, detail, keyHigh, keyLow, NONE);
    else if (subject === node) this.#routing.fingers.set(node, detail, NONE);
    else outbox.send(node, subject, TYPE.finger, detail, 0, 0, NONE);
  }

  /** Whether a node does not say the truth about a key. */
  #isLie(node: number, keyHigh: number): boolean {
    const adversary = this.#adversary;
    return adversary !== undefined && adversary.lies(node, keyHigh, this.#outbox.nowNs);
  }

  /** Whom liars name as the owner of a key: the first one of their like that comes after it. */
  #named(keyHigh: number, keyLow: number): number {
    return this.#adversary!.ringOwner(keyHigh, keyLow, this.#outbox.nowNs);
  }

  #nextHop(node: number, keyHigh: number, keyLow: number, dead: number): number {
    if (dead !== NONE) this.#routing.fingers.forget(node, dead);
    return this.#routing.nextHop(node, keyHigh, keyLow, dead);
  }

  /** Of an aggressive join: the successor says that a node came before it. */
  #onHint(node: number, joiner: number): void {
    const { neighbours } = this.#routing;
    if (neighbours.isBeforeSuccessor(node, joiner)) neighbours.add(node, joiner);
  }

  /** Forgets a node that is silent. @returns false when the node has nobody left, and joins anew */
  #lose(node: number, gone: number): boolean {
    const { neighbours } = this.#routing;
    const wasSuccessor = neighbours.successorOf(node) === gone;
    this.#routing.forget(node, gone);
    if (!wasSuccessor) return true;
    if (neighbours.countOf(node) > 0) {
      this.#upkeep.onSuccessorLost(node, gone);
      return true;
    }
    this.#routing.clear(node);
    this.#upkeep.end(node);
    this.#joining.joinAnew(node);
    return false;
  }
}
