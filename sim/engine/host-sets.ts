/**
 * Nodes of several hosts: a subnet is one node of the DHT, and a contact is a host set (mDHT §3.3).
 *
 * Protocols see nodes only. Here a message is addressed to a host of the set that the sender knows;
 * whoever speaks says its own set with it, and those that it knows of the nodes it names. A host that
 * does not answer is followed by another one of the set, and a node is given up once all of them were
 * tried. What hosts of one subnet say to each other is in `subnet-lan.ts`.
 *
 * Nodes of the same subnet have the same hosts, and these know what they heard of others together.
 */
import { draw, STREAM, streamKey } from "./dice.ts";
import { NONE } from "./event-slab.ts";
import type { Lists } from "./lists.ts";
import { NodePairs } from "./node-pairs.ts";
import { HOSTS_MAX, type Subnets } from "./subnets.ts";

/** A host set as a word: a bit for each host, and above it the version, of which 11 bits are kept. */
const MASK_BITS = 16;
const VERSION_MAX = 0x7ff;
/** Above both, in the word of a message: the host that it is for. */
const HOST_SHIFT = 28;
const SET_MASK = 0x7ffffff;

export class HostSets {
  /** Hosts that live, by subnet; and what the subnet says of them. */
  readonly live: Uint16Array;
  readonly #said: Int32Array;
  /** Of subnets too. */
  readonly #known = new NodePairs();
  readonly #key: number;
  readonly #subnets: Subnets;
  /** Messages that each host handled: 16 places a subnet. */
  readonly handled: Int32Array;
  /** The host of its subnet that has the message at hand. */
  here = 0;

  constructor(subnets: Subnets, seed: number) {
    this.#subnets = subnets;
    this.handled = new Int32Array(subnets.count * HOSTS_MAX);
    this.live = new Uint16Array(subnets.count);
    this.#said = new Int32Array(subnets.count);
    this.#key = streamKey(seed, STREAM.host);
  }

  /** All hosts of a subnet begin together. */
  begin(subnet: number): void {
    this.live[subnet] = 2 ** this.#subnets.sizeOf(subnet) - 1;
    this.say(subnet);
  }

  isAnyLive(subnet: number): boolean {
    return this.live[subnet] !== 0;
  }

  hasLive(subnet: number, host: number): boolean {
    return ((this.live[subnet]! >>> host) & 1) === 1;
  }

  set(subnet: number, host: number, isLive: boolean): void {
    if (isLive) this.live[subnet]! |= 1 << host;
    else this.live[subnet]! &= ~(1 << host);
  }

  /** The subnet's set is what lives, under the next version. */
  say(subnet: number): void {
    const version = ((this.#said[subnet]! >>> MASK_BITS) + 1) & VERSION_MAX;
    this.#said[subnet] = (version << MASK_BITS) | this.live[subnet]!;
  }

  /** Whether a message to a node comes to a living host. @param isAnswer it comes to whoever asked */
  isHeard(node: number, word: number, isAnswer: boolean): boolean {
    const subnet = this.#subnets.subnetOf(node);
    return isAnswer ? this.isAnyLive(subnet) : this.hasLive(subnet, this.hostOf(word));
  }

  /** How many hosts one node believes another to have. */
  knownCount(node: number, other: number): number {
    return bitCount(this.#setOf(node, other) & 0xffff);
  }

  /**
   * The word of a message: whom it is for, and the sender's set.
   *
   * @param tried hosts that did not answer
   * @returns NONE when no host is left to try
   */
  address(from: number, to: number, sequence: number, tried: number): number {
    const set = this.#setOf(from, to) & 0xffff & ~tried;
    if (set === 0) return NONE;
    const host = nthBit(set, (draw(this.#key, from, sequence) >>> 0) % bitCount(set));
    return (host << HOST_SHIFT) | this.#said[this.#subnets.subnetOf(from)]!;
  }

  /** Writes what a node knows of those that a list names behind the list. */
  describe(node: number, lists: Lists, list: number): void {
    const { words, longest, width } = lists;
    const at = list * width;
    const count = words[at]!;
    for (let i = 1; i <= count; i++) words[at + longest + i] = this.#setOf(node, words[at + i]!);
  }

  /** Of the living hosts the one that a share of them is under; for what a node does of itself. */
  choose(node: number, share: number): number {
    const live = this.live[this.#subnets.subnetOf(node)]!;
    return nthBit(live, Math.floor(share * bitCount(live)));
  }

  /** The host of the subnet that a message is for. */
  hostOf(word: number): number {
    return word >>> HOST_SHIFT;
  }

  /** An answer comes to whichever host asked: the one of its word stands for that, else any that lives. */
  noteHandled(node: number, word: number): void {
    const subnet = this.#subnets.subnetOf(node);
    const host = this.hostOf(word);
    this.here = this.hasLive(subnet, host) ? host : 31 - Math.clz32(this.live[subnet]!);
    this.handled[subnet * HOSTS_MAX + this.here]!++;
  }

  /** Messages handled, by host, of the subnets that there are. */
  loads(): Float64Array {
    const loads: number[] = [];
    for (let subnet = 0; subnet < this.#subnets.count; subnet++) {
      if (this.#said[subnet] === 0) continue;
      for (let host = 0; host < this.#subnets.sizeOf(subnet); host++)
        loads.push(this.handled[subnet * HOSTS_MAX + host]!);
    }
    return Float64Array.from(loads);
  }

  /** What a message says of its sender and of those that it names. */
  learn(node: number, from: number, word: number, lists: Lists, list: number): void {
    this.#note(node, from, word & SET_MASK);
    if (list === NONE) return;
    const { words, longest, width } = lists;
    const at = list * width;
    const count = words[at]!;
    for (let i = 1; i <= count; i++) this.#note(node, words[at + i]!, words[at + longest + i]!);
  }

  /** Its memory is lost. */
  forget(subnet: number): void {
    this.#known.removeAll(subnet);
  }

  /** Nothing known: what the bootstrap server, or whoever named it, says now. */
  #setOf(node: number, other: number): number {
    const subnet = this.#subnets.subnetOf(node);
    const theirs = this.#subnets.subnetOf(other);
    if (subnet === theirs) return this.#said[subnet]!;
    const known = this.#known.get(subnet, theirs);
    return known === 0 ? this.#said[theirs]! : known;
  }

  #note(node: number, other: number, set: number): void {
    const subnet = this.#subnets.subnetOf(node);
    const theirs = this.#subnets.subnetOf(other);
    if (subnet === theirs || set === 0) return;
    const known = this.#known.get(subnet, theirs);
    const ahead = ((set >>> MASK_BITS) - (known >>> MASK_BITS)) & VERSION_MAX;
    if (known === 0 || (ahead !== 0 && ahead < VERSION_MAX / 2))
      this.#known.set(subnet, theirs, set);
  }
}

export function bitCount(set: number): number {
  let count = 0;
  for (let rest = set; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** The bit of a set that so many others are under. */
function nthBit(set: number, n: number): number {
  let rest = set;
  for (let i = 0; i < n; i++) rest &= rest - 1;
  return 31 - Math.clz32(rest & -rest);
}
