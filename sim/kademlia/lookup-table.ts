/**
 * Lookups under way, of many nodes: for each the nearest contacts heard of, and whom it has asked.
 */
import { NONE } from "../engine/event-slab.ts";
import type { NodeIds } from "../engine/protocol.ts";
import { ASKED_STATE, type PathGroups } from "./path-groups.ts";

/** Words of a lookup before its shortlist. */
const NODE = 0;
const HIGH = 1;
const LOW = 2;
const PURPOSE = 3;
const TAG = 4;
const COUNT = 5;
const PENDING = 6;
const ANSWERED = 7;
const DONE = 8;
/** Of the paths that go to the same key; NONE when this is the only one. */
const GROUP = 9;
const HEAD = 10;
/** Words of an entry of the shortlist: a contact, its distance's upper half (flipped), its state. */
const ENTRY = 3;

const HEARD = 0;
const ASKED = 1;
const SPOKE = 2;
const FAILED = 3;

const FLIP = 0x80000000 | 0;

/** Minus a contact: the nearest that a path has heard of, which told another that the key is its own. */
export const CLAIMED = -2;

export class LookupTable {
  /** Length of a shortlist. */
  readonly longest: number;
  readonly #ids: NodeIds;
  readonly #width: number;
  #words: Int32Array;
  #starts = new Float64Array(256);
  #free = NONE;
  #made = 0;

  constructor(ids: NodeIds, longest: number) {
    this.#ids = ids;
    this.longest = longest;
    this.#width = HEAD + ENTRY * longest;
    this.#words = new Int32Array(this.#width * 256);
  }

  begin(
    node: number,
    keyHigh: number,
    keyLow: number,
    purpose: number,
    tag: number,
    group: number,
    nowNs: number,
  ): number {
    let lookup = this.#free;
    if (lookup === NONE) {
      lookup = this.#made++;
      if (this.#made > this.#starts.length) this.#grow();
    } else this.#free = this.#words[lookup * this.#width]!;
    const words = this.#words;
    const at = lookup * this.#width;
    words[at + NODE] = node;
    words[at + HIGH] = keyHigh;
    words[at + LOW] = keyLow;
    words[at + PURPOSE] = purpose;
    words[at + TAG] = tag;
    words[at + COUNT] = 0;
    words[at + PENDING] = 0;
    words[at + ANSWERED] = 0;
    words[at + DONE] = 0;
    words[at + GROUP] = group;
    this.#starts[lookup] = nowNs;
    return lookup;
  }

  release(lookup: number): void {
    this.#words[lookup * this.#width] = this.#free;
    this.#free = lookup;
  }

  nodeOf(lookup: number): number {
    return this.#words[lookup * this.#width + NODE]!;
  }

  highOf(lookup: number): number {
    return this.#words[lookup * this.#width + HIGH]!;
  }

  lowOf(lookup: number): number {
    return this.#words[lookup * this.#width + LOW]!;
  }

  purposeOf(lookup: number): number {
    return this.#words[lookup * this.#width + PURPOSE]!;
  }

  tagOf(lookup: number): number {
    return this.#words[lookup * this.#width + TAG]!;
  }

  /** Of `PathGroups`, or NONE. */
  groupOf(lookup: number): number {
    return this.#words[lookup * this.#width + GROUP]!;
  }

  startOf(lookup: number): number {
    return this.#starts[lookup]!;
  }

  /** Requests of it that are neither answered nor given up. */
  pendingOf(lookup: number): number {
    return this.#words[lookup * this.#width + PENDING]!;
  }

  /** Nodes that answered. */
  answeredOf(lookup: number): number {
    return this.#words[lookup * this.#width + ANSWERED]!;
  }

  isDone(lookup: number): boolean {
    return this.#words[lookup * this.#width + DONE] !== 0;
  }

  end(lookup: number): void {
    this.#words[lookup * this.#width + DONE] = 1;
  }

  /**
   * Takes contacts into the shortlist, those that are near enough and new.
   *
   * An honest answer has the nearest first, as the shortlist has: one pass goes along both.
   *
   * @param contacts words, of which every `step`th from `from` and before `to` is a contact
   */
  offer(lookup: number, contacts: Int32Array, from: number, to: number, step: number): void {
    const words = this.#words;
    const base = lookup * this.#width;
    const { high } = this.#ids;
    const own = words[base + NODE]!;
    const key = words[base + HIGH]! ^ FLIP;
    const first = base + HEAD;
    let at = first;
    for (let next = from; next < to; next += step) {
      const contact = contacts[next]!;
      if (contact === own) continue;
      const distance = high[contact]! ^ key;
      if (at > first && words[at - 2]! > distance) at = first; // not in order
      const end = first + ENTRY * words[base + COUNT]!;
      while (at < end && words[at + 1]! <= distance) at += ENTRY;
      if (at === first || words[at - 2] !== distance) this.#insert(base, at, contact, distance);
      else if (words[at - 3] !== contact) this.#insertAmongEquals(base, at, contact, distance);
    }
  }

  /** @param at where it belongs */
  #insert(base: number, at: number, contact: number, distance: number): void {
    const words = this.#words;
    const count = words[base + COUNT]!;
    const first = base + HEAD;
    const isFull = count === this.longest;
    if (isFull && at === first + ENTRY * count) return;
    for (let to = first + ENTRY * (isFull ? count - 1 : count); to > at; to -= ENTRY) {
      words[to] = words[to - 3]!;
      words[to + 1] = words[to - 2]!;
      words[to + 2] = words[to - 1]!;
    }
    words[at] = contact;
    words[at + 1] = distance;
    words[at + 2] = HEARD;
    if (!isFull) words[base + COUNT] = count + 1;
  }

  /** Of those with one upper half: by the lower one. @param end behind the last of them */
  #insertAmongEquals(base: number, end: number, contact: number, distance: number): void {
    const words = this.#words;
    const { low } = this.#ids;
    const keyLow = words[base + LOW]!;
    let at = end;
    for (; at > base + HEAD && words[at - 2] === distance; at -= ENTRY) {
      const other = words[at - 3]!;
      if (other === contact) return;
      if ((low[other]! ^ keyLow) >>> 0 < (low[contact]! ^ keyLow) >>> 0) break;
    }
    this.#insert(base, at, contact, distance);
  }

  /** The nearest contact that was not asked, which counts as asked now; NONE when there is none. */
  takeNext(lookup: number): number {
    const words = this.#words;
    const base = lookup * this.#width;
    const end = base + HEAD + ENTRY * words[base + COUNT]!;
    for (let at = base + HEAD; at < end; at += ENTRY) {
      if (words[at + 2] !== HEARD) continue;
      words[at + 2] = ASKED;
      words[base + PENDING]!++;
      return words[at]!;
    }
    return NONE;
  }

  /** As `takeNext`, but nobody whom another path of the group has asked. @returns or CLAIMED - contact */
  takeNextApart(lookup: number, groups: PathGroups): number {
    const words = this.#words;
    const base = lookup * this.#width;
    const group = words[base + GROUP]!;
    const end = base + HEAD + ENTRY * words[base + COUNT]!;
    for (let at = base + HEAD; at < end; at += ENTRY) {
      if (words[at + 2] !== HEARD) continue;
      const contact = words[at]!;
      const state = groups.ask(group, contact);
      if (state === ASKED_STATE.claimed) {
        words[at + 2] = SPOKE;
        return CLAIMED - contact;
      }
      if (state === ASKED_STATE.exhausted) return NONE;
      if (state === ASKED_STATE.pending) continue; // its answer may be the end, and may not
      words[at + 2] = state === ASKED_STATE.new ? ASKED : FAILED;
      if (state !== ASKED_STATE.new) continue;
      words[base + PENDING]!++;
      return contact;
    }
    return NONE;
  }

  answered(lookup: number, contact: number): void {
    this.#words[lookup * this.#width + ANSWERED]!++;
    this.#settle(lookup, contact, SPOKE);
  }

  failed(lookup: number, contact: number): void {
    this.#settle(lookup, contact, FAILED);
  }

  /** One request less, of a lookup that nobody wants any more. */
  forget(lookup: number): void {
    this.#words[lookup * this.#width + PENDING]!--;
  }

  /** The nearest contact that answered; NONE when none did. */
  nearest(lookup: number): number {
    const words = this.#words;
    const base = lookup * this.#width;
    const end = base + HEAD + ENTRY * words[base + COUNT]!;
    for (let at = base + HEAD; at < end; at += ENTRY)
      if (words[at + 2] === SPOKE) return words[at]!;
    return NONE;
  }

  #settle(lookup: number, contact: number, state: number): void {
    const words = this.#words;
    const base = lookup * this.#width;
    words[base + PENDING]!--;
    const end = base + HEAD + ENTRY * words[base + COUNT]!;
    for (let at = base + HEAD; at < end; at += ENTRY)
      if (words[at] === contact) {
        words[at + 2] = state;
        return;
      }
  }

  #grow(): void {
    const lookups = this.#starts.length + Math.max(256, this.#starts.length >> 1);
    const words = new Int32Array(lookups * this.#width);
    words.set(this.#words);
    this.#words = words;
    const starts = new Float64Array(lookups);
    starts.set(this.#starts);
    this.#starts = starts;
  }
}
