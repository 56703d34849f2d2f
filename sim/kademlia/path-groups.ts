/**
 * Lookups that go to one key on several paths: whom they have asked between them, and whom they name.
 *
 * No node is asked by two paths, so that one that lies spoils one path (S/Kademlia, Baumgart and Mies
 * 2007, §4.4). A group lives until all of its paths have ended.
 */
import { NONE } from "../engine/event-slab.ts";
import type { NodeIds } from "../engine/protocol.ts";

/** Words of a group before its votes and its asked nodes. */
const OPEN = 0;
const VOTES = 1;
const ASKED = 2;
const HOPS = 3;
const HEAD = 4;
/** Words of a vote (a node, and how many paths named it) and of an asked node (and its state). */
const ENTRY = 2;
/** Nodes that a path asks, on average and at most. */
const ASKED_MAX = 32;

/** What is known of a node that a path of the group may want to ask. */
export const ASKED_STATE = {
  /** No path asked it, and one has just begun to. */
  new: 0,
  /** Another path waits for it. */
  pending: 1,
  spoke: 2,
  /** It says that the key is its own. */
  claimed: 3,
  failed: 4,
  /** The group has asked as many as it may. */
  exhausted: 5,
} as const;

export class PathGroups {
  readonly #ids: NodeIds;
  readonly #paths: number;
  readonly #width: number;
  #words: Int32Array;
  #free = NONE;
  #made = 0;

  /** @param paths of a group at most */
  constructor(ids: NodeIds, paths: number) {
    this.#ids = ids;
    this.#paths = paths;
    this.#width = HEAD + ENTRY * paths * (1 + ASKED_MAX);
    this.#words = new Int32Array(paths === 1 ? 0 : this.#width * 64);
  }

  begin(paths: number): number {
    let group = this.#free;
    if (group === NONE) {
      group = this.#made++;
      if (this.#made * this.#width > this.#words.length) this.#grow();
    } else this.#free = this.#words[group * this.#width]!;
    const at = group * this.#width;
    this.#words.fill(0, at, at + HEAD);
    this.#words[at + OPEN] = paths;
    return group;
  }

  /** Asks for leave to ask a node: one of `ASKED_STATE`. */
  ask(group: number, node: number): number {
    const words = this.#words;
    const at = this.#find(group, node);
    const asked = group * this.#width + ASKED;
    if (at < this.#endOfAsked(group)) return words[at + 1]!;
    if (words[asked] === this.#paths * ASKED_MAX) return ASKED_STATE.exhausted;
    words[asked]!++;
    words[at] = node;
    words[at + 1] = ASKED_STATE.pending;
    return ASKED_STATE.new;
  }

  /** What came of asking a node. */
  settle(group: number, node: number, state: number): void {
    const at = this.#find(group, node);
    if (at < this.#endOfAsked(group)) this.#words[at + 1] = state;
  }

  /**
   * A path has come to its end.
   *
   * @param owner whom it names; NONE when nobody
   * @returns paths that have not
   */
  leave(group: number, owner: number, hops: number): number {
    const words = this.#words;
    const base = group * this.#width;
    words[base + HOPS] = Math.max(words[base + HOPS]!, hops);
    if (owner !== NONE) this.#vote(base, owner);
    return --words[base + OPEN]!;
  }

  /** Of the longest path. */
  hopsOf(group: number): number {
    return this.#words[group * this.#width + HOPS]!;
  }

  /**
   * Whom most paths named, and of those the nearest to the key; who failed does not count.
   *
   * @param isNearestOf of all that were named, however often, the nearest
   */
  winner(group: number, keyHigh: number, keyLow: number, isNearestOf: boolean): number {
    const words = this.#words;
    const first = group * this.#width + HEAD;
    const end = first + ENTRY * words[group * this.#width + VOTES]!;
    let best = NONE;
    let most = 0;
    for (let at = first; at < end; at += ENTRY) {
      const owner = words[at]!;
      const votes = isNearestOf ? 1 : words[at + 1]!;
      if (votes < most || this.#hasFailed(group, owner)) continue;
      if (votes === most && !this.#isNearer(owner, best, keyHigh, keyLow)) continue;
      best = owner;
      most = votes;
    }
    return best;
  }

  release(group: number): void {
    this.#words[group * this.#width] = this.#free;
    this.#free = group;
  }

  #vote(base: number, owner: number): void {
    const words = this.#words;
    const first = base + HEAD;
    const end = first + ENTRY * words[base + VOTES]!;
    let at = first;
    while (at < end && words[at] !== owner) at += ENTRY;
    if (at === end) {
      words[base + VOTES]!++;
      words[at] = owner;
      words[at + 1] = 0;
    }
    words[at + 1]!++;
  }

  #hasFailed(group: number, node: number): boolean {
    const at = this.#find(group, node);
    return at < this.#endOfAsked(group) && this.#words[at + 1] === ASKED_STATE.failed;
  }

  #isNearer(left: number, right: number, keyHigh: number, keyLow: number): boolean {
    const { high, low } = this.#ids;
    const leftHigh = (high[left]! ^ keyHigh) >>> 0;
    const rightHigh = (high[right]! ^ keyHigh) >>> 0;
    if (leftHigh !== rightHigh) return leftHigh < rightHigh;
    return (low[left]! ^ keyLow) >>> 0 < (low[right]! ^ keyLow) >>> 0;
  }

  /** Where a node is among the asked ones; their end when it is not. */
  #find(group: number, node: number): number {
    const words = this.#words;
    const end = this.#endOfAsked(group);
    let at = group * this.#width + HEAD + ENTRY * this.#paths;
    while (at < end && words[at] !== node) at += ENTRY;
    return at;
  }

  #endOfAsked(group: number): number {
    const base = group * this.#width;
    return base + HEAD + ENTRY * (this.#paths + this.#words[base + ASKED]!);
  }

  #grow(): void {
    const groups = this.#words.length / this.#width;
    const words = new Int32Array((groups + Math.max(64, groups >> 1)) * this.#width);
    words.set(this.#words);
    this.#words = words;
  }
}
