/**
 * Kademlia (Maymounkov and Mazières 2002) with the sibling lists of S/Kademlia (Baumgart and Mies
 * 2007), as OverSim has them and thesis chapter 2 measured them.
 *
 * A node joins by a ping to its contact and a lookup of its own id. It answers for a key when it is
 * among the nearest that it knows of. Not here: storage, signatures and crypto puzzles.
 */
import type { Scenario } from "../scenario/scenario.ts";
import { NS_PER_MS, NS_PER_S } from "../engine/delay.ts";
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
import { Answers, CLAIM } from "./answers.ts";
import { Closest } from "./closest.ts";
import { CLAIMED, LookupTable } from "./lookup-table.ts";
import { ASKED_STATE, PathGroups } from "./path-groups.ts";
import { RoutingTable } from "./routing-table.ts";

const PING = PROTOCOL_TYPE;
const FIND_NODE = PROTOCOL_TYPE + 1;
const REFRESH = PROTOCOL_TYPE + 2;
const PING_SIBLINGS = PROTOCOL_TYPE + 3;

/** What a ping is for: to join, or to know who lives. */
const TO_JOIN = 0;
const TO_LIVE = 1;

/** What a lookup is for. */
const QUERY = 0;
const JOIN = 1;
const FILL = 2;

const LOOKUP_NS = 10 * NS_PER_S;
const HOPS_MAX = 50;

export const KADEMLIA: ProtocolFactory = {
  typeNames: new Map([
    [PING, "ping"],
    [FIND_NODE, "find-node"],
  ]),
  listMax: ({ kademlia }) => shortlistOf(kademlia),
  create: (parts) => new Kademlia(parts),
};

/** Contacts that an exhaustive lookup gathers: all that a node keeps as its neighbours. */
function shortlistOf(scenario: Scenario["kademlia"]): number {
  const { redundantNodes, siblings, siblingFactor, isExhaustive } = scenario;
  return isExhaustive ? Math.max(redundantNodes, siblings * siblingFactor) : redundantNodes;
}

export class Kademlia implements Protocol {
  readonly typeBytes = new Map([
    [PING, CONTACT_BYTES],
    [PING | ANSWER, CONTACT_BYTES],
    [FIND_NODE, CONTACT_BYTES + ID_BYTES],
    [FIND_NODE | ANSWER, CONTACT_BYTES],
  ]);
  readonly #scenario: Scenario["kademlia"];
  readonly #ids: NodeIds;
  readonly #out: Outbox;
  readonly #shift: number;
  readonly #table: RoutingTable;
  readonly #lookups: LookupTable;
  readonly #groups: PathGroups;
  readonly #closest: Closest;
  readonly #isReady: Uint8Array;
  /** How often a node lost everybody that it knew. */
  readonly #lives: Uint16Array;
  readonly #answers: Answers;

  constructor({ scenario, ids, outbox, rows, shift, adversary }: ProtocolParts) {
    this.#scenario = scenario.kademlia;
    this.#ids = ids;
    this.#out = outbox;
    this.#shift = shift;
    this.#table = new RoutingTable(scenario.kademlia, ids, rows, shift);
    const longest = shortlistOf(scenario.kademlia);
    this.#lookups = new LookupTable(ids, longest);
    this.#groups = new PathGroups(ids, scenario.kademlia.disjointPaths);
    this.#closest = new Closest(ids);
    this.#answers = new Answers({
      ...{ table: this.#table, closest: this.#closest, outbox, adversary, longest },
    });
    this.#isReady = new Uint8Array(rows);
    this.#lives = new Uint16Array(rows);
  }

  get changes(): number {
    return this.#table.changes;
  }

  start(node: number, contact: number): void {
    if (contact === NONE) this.#become(node);
    else this.#out.request(node, contact, PING, 0, 0, 0, NONE, TO_JOIN);
  }

  stop(node: number): void {
    this.#table.clear(node);
    this.#isReady[node >> this.#shift] = 0;
  }

  onMessage(node: number, from: number, type: number, a: number, b: number, c: number): void {
    this.#table.add(node, from);
    if (type === PING) this.#out.answer(node, 0, 0, 0, NONE);
    else this.#answers.give(node, a, b, c, this.#isReady[node >> this.#shift] === 1);
  }

  onAnswer(
    node: number,
    from: number,
    type: number,
    a: number,
    b: number,
    _c: number,
    list: number,
    context: number,
  ): void {
    this.#table.add(node, from);
    if (type === (PING | ANSWER)) {
      if (context === TO_JOIN) this.#onPong(node);
      return;
    }
    const owner = a === CLAIM.none ? NONE : a === CLAIM.own ? from : b;
    this.#onNodes(node, from, owner, list, context);
  }

  onTimeout(node: number, to: number, type: number, context: number, isOfNow: boolean): void {
    if (isOfNow) this.#forget(node, to);
    if (type === PING) {
      if (isOfNow && context === TO_JOIN) this.#out.joinFailed(node);
      return;
    }
    const lookups = this.#lookups;
    if (isOfNow && !lookups.isDone(context)) {
      lookups.failed(context, to);
      this.#tellOthers(context, to, ASKED_STATE.failed);
      this.#advance(context);
      return;
    }
    lookups.forget(context);
    if (lookups.pendingOf(context) > 0) return;
    const group = lookups.groupOf(context);
    const isLost = group !== NONE && !lookups.isDone(context);
    if (isLost && this.#groups.leave(group, NONE, 0) === 0) this.#groups.release(group);
    lookups.release(context);
  }

  onTimer(node: number, type: number, life: number): void {
    if (life !== this.#lives[node >> this.#shift]) return; // of before it joined anew
    if (type === REFRESH) this.#refresh(node);
    else this.#pingSiblings(node);
    this.#setTimer(node, type);
  }

  lookup(node: number, keyHigh: number, keyLow: number, tag: number): void {
    if (this.#table.isSibling(node, keyHigh, keyLow, 1))
      this.#out.found(node, tag, keyHigh, keyLow, node, 0, this.#out.nowNs);
    else this.#begin(node, keyHigh, keyLow, QUERY, tag);
  }

  isResponsible(node: number, keyHigh: number, keyLow: number): boolean {
    const isReady = this.#isReady[node >> this.#shift] === 1;
    if (this.#answers.isLie(node, keyHigh)) return isReady;
    return isReady && this.#table.isSibling(node, keyHigh, keyLow, this.#scenario.siblings);
  }

  isOwner(node: number, keyHigh: number, keyLow: number, directory: NeighbourOracle): boolean {
    return directory.closest(keyHigh, keyLow) === node;
  }

  /** Whether its nearest neighbour is the nearest that there is. */
  isAccurate(node: number, directory: NeighbourOracle): boolean {
    const count = this.#table.siblingCount(node);
    const nearest = directory.closestTo(node);
    return count === 0 ? nearest === NONE : this.#table.siblingAt(node, 0) === nearest;
  }

  neighbours(
    node: number,
    keyHigh: number,
    keyLow: number,
    count: number,
    into: Int32Array,
  ): number {
    const closest = this.#closest;
    closest.begin(keyHigh, keyLow, Math.min(count, this.#lookups.longest));
    this.#table.collect(node, keyHigh, closest);
    closest.offer(node);
    closest.finish();
    for (let i = 0; i < closest.count; i++) into[i] = closest.nodes[i]!;
    return closest.count;
  }

  contacts(node: number): readonly number[] {
    return this.#table.contactsOf(node);
  }

  #become(node: number): void {
    this.#isReady[node >> this.#shift] = 1;
    this.#out.joined(node);
    this.#refresh(node);
    this.#setTimer(node, REFRESH);
    if (this.#scenario.siblingPingMs > 0) this.#setTimer(node, PING_SIBLINGS);
  }

  #setTimer(node: number, type: number): void {
    const { refreshMs, siblingPingMs } = this.#scenario;
    const delayMs = type === REFRESH ? refreshMs : siblingPingMs;
    this.#out.after(node, delayMs * NS_PER_MS, type, this.#lives[node >> this.#shift]!);
  }

  /** Those that share its keys: who is gone and never asked would keep it from taking its place. */
  #pingSiblings(node: number): void {
    const count = Math.min(this.#scenario.siblings, this.#table.siblingCount(node));
    for (let i = 0; i < count; i++)
      this.#out.request(node, this.#table.siblingAt(node, i), PING, 0, 0, 0, NONE, TO_LIVE);
  }

  /** Takes who did not answer out of the table; who has nobody left joins anew. */
  #forget(node: number, gone: number): void {
    this.#table.remove(node, gone);
    const row = node >> this.#shift;
    if (this.#isReady[row] === 0 || this.#table.siblingCount(node) > 0) return;
    this.#isReady[row] = 0;
    this.#lives[row]!++;
    this.#out.joinFailed(node);
  }

  #onPong(node: number): void {
    this.#begin(node, this.#ids.high[node]!, this.#ids.low[node]!, JOIN, 0);
  }

  #begin(node: number, keyHigh: number, keyLow: number, purpose: number, tag: number): void {
    const lookups = this.#lookups;
    const closest = this.#closest;
    closest.begin(keyHigh, keyLow, lookups.longest);
    this.#table.collect(node, keyHigh, closest);
    closest.finish();
    const { nowNs } = this.#out;
    const wanted = purpose === QUERY ? this.#scenario.disjointPaths : 1;
    const paths = Math.max(1, Math.min(wanted, closest.count));
    const group = paths === 1 ? NONE : this.#groups.begin(paths);
    for (let path = 0; path < paths; path++) {
      const lookup = lookups.begin(node, keyHigh, keyLow, purpose, tag, group, nowNs);
      lookups.offer(lookup, closest.nodes, path, closest.count, paths);
      this.#advance(lookup);
    }
  }

  /** @param owner whom the answer names as the owner of the key; NONE when nobody */
  #onNodes(node: number, from: number, owner: number, list: number, lookup: number): void {
    const { lists } = this.#out;
    const lookups = this.#lookups;
    const isDone = lookups.isDone(lookup);
    const distance = this.#ids.high[from]! ^ this.#ids.high[node]!;
    this.#table.touch(node, distance, Math.floor(this.#out.nowNs / NS_PER_S));
    const at = list * lists.width;
    const count = lists.words[at]!;
    this.#table.addNamed(node, lists.words, at + 1, at + 1 + count);
    if (!isDone) lookups.offer(lookup, lists.words, at + 1, at + 1 + count, 1);
    lookups.answered(lookup, from);
    if (!isDone)
      this.#tellOthers(lookup, from, owner === from ? ASKED_STATE.claimed : ASKED_STATE.spoke);
    if (isDone) {
      if (lookups.pendingOf(lookup) === 0) lookups.release(lookup);
    } else if (owner !== NONE && !this.#isExhaustive(lookup)) this.#finish(lookup, owner);
    else this.#advance(lookup);
  }

  /** Asks on until alpha are asked at once; ends when nobody is left. */
  #advance(lookup: number): void {
    const lookups = this.#lookups;
    const node = lookups.nodeOf(lookup);
    const purpose = lookups.purposeOf(lookup);
    const isLate = this.#out.nowNs - lookups.startOf(lookup) > LOOKUP_NS;
    const answered = lookups.answeredOf(lookup);
    if (isLate || answered >= HOPS_MAX) {
      this.#finish(lookup, NONE);
      return;
    }
    const { alpha, siblings } = this.#scenario;
    while (lookups.pendingOf(lookup) < alpha) {
      const next =
        lookups.groupOf(lookup) === NONE
          ? lookups.takeNext(lookup)
          : lookups.takeNextApart(lookup, this.#groups);
      if (next === NONE) break;
      if (next <= CLAIMED) return this.#finish(lookup, CLAIMED - next);
      const wanted = this.#isExhaustive(lookup) ? 0 : purpose === QUERY ? 1 : siblings;
      const high = lookups.highOf(lookup);
      this.#out.request(node, next, FIND_NODE, high, lookups.lowOf(lookup), wanted, NONE, lookup);
    }
    if (lookups.pendingOf(lookup) > 0) return;
    const isFound = purpose !== QUERY || this.#isExhaustive(lookup);
    this.#finish(lookup, isFound ? lookups.nearest(lookup) : NONE);
  }

  #isExhaustive(lookup: number): boolean {
    return this.#scenario.isExhaustive && this.#lookups.purposeOf(lookup) !== QUERY;
  }

  /** What other paths to the key should know of a node that this one asked. */
  #tellOthers(lookup: number, asked: number, state: number): void {
    const group = this.#lookups.groupOf(lookup);
    if (group !== NONE) this.#groups.settle(group, asked, state);
  }

  /** The end of one of several paths, and with the last of them that of the lookup. */
  #finishPath(lookup: number, group: number, named: number): void {
    const lookups = this.#lookups;
    const groups = this.#groups;
    const node = lookups.nodeOf(lookup);
    const high = lookups.highOf(lookup);
    const low = lookups.lowOf(lookup);
    const startNs = lookups.startOf(lookup);
    const tag = lookups.tagOf(lookup);
    const left = groups.leave(group, named, lookups.answeredOf(lookup));
    lookups.end(lookup);
    if (lookups.pendingOf(lookup) === 0) lookups.release(lookup);
    if (left > 0) return;
    const owner = groups.winner(group, high, low, this.#scenario.pathVerdict === "nearest");
    const hops = groups.hopsOf(group);
    groups.release(group);
    this.#out.found(node, tag, high, low, owner, hops, startNs);
  }

  /** @param owner who says that the key is its own; NONE when nobody does */
  #finish(lookup: number, owner: number): void {
    const lookups = this.#lookups;
    const group = lookups.groupOf(lookup);
    if (group !== NONE) return this.#finishPath(lookup, group, owner);
    const node = lookups.nodeOf(lookup);
    const purpose = lookups.purposeOf(lookup);
    const hops = lookups.answeredOf(lookup);
    const high = lookups.highOf(lookup);
    const low = lookups.lowOf(lookup);
    const startNs = lookups.startOf(lookup);
    const tag = lookups.tagOf(lookup);
    const hasAnswers = hops > 0;
    lookups.end(lookup);
    if (lookups.pendingOf(lookup) === 0) lookups.release(lookup);
    if (purpose === QUERY) this.#out.found(node, tag, high, low, owner, hops, startNs);
    else if (purpose === JOIN && hasAnswers) this.#become(node);
    else if (purpose === JOIN) this.#out.joinFailed(node);
  }

  /** Looks for nodes of each bucket, up to the nearest neighbour's, that no lookup went through lately. */
  #refresh(node: number): void {
    const { siblings } = this.#scenario;
    const nearest = this.#table.nearestBucket(node);
    const nowS = Math.floor(this.#out.nowNs / NS_PER_S);
    for (let bucket = 0; bucket <= nearest; bucket++) {
      if (this.#table.usedS(node, bucket) > nowS - this.#scenario.refreshMs / 1000) continue;
      const distance = this.#table.distanceIn(bucket);
      this.#table.touch(node, distance, nowS);
      const high = this.#ids.high[node]! ^ distance;
      const low = this.#ids.low[node]!;
      // Among the nearest that it knows of already: a lookup ends where it begins.
      const isKnown =
        !this.#scenario.isExhaustive && this.#table.isSibling(node, high, low, siblings);
      if (!isKnown) this.#begin(node, high, low, FILL, 0);
    }
  }
}
