/**
 * Nodes of several hosts: a subnet is one node of the DHT, and a contact is a host set (mDHT §3.3).
 *
 * Protocols see nodes only. Here a message is addressed to a host of the set that the sender knows;
 * whoever speaks says its own set with it, and those that it knows of the nodes it names. A host that
 * does not answer is followed by another one of the set, and a node is given up once all of them were
 * tried. What happens inside a subnet takes no time here, except to notice who came and went.
 */
import type { HostScenario } from "../scenario/scenario.ts";
import { draw, STREAM, streamKey, unit } from "./dice.ts";
import { NONE } from "./event-slab.ts";
import type { Lists } from "./lists.ts";
import { NodePairs } from "./node-pairs.ts";
import { quantileAt, shiftedParetoQuantiles } from "./quantiles.ts";

const HOSTS_MAX = 16;
/** Shape of the sizes of subnets that are skewed. */
const SKEW = 1.5;

/** A host set as a word: a bit for each host, and above it the version, of which 11 bits are kept. */
const MASK_BITS = 16;
const VERSION_MAX = 0x7ff;
/** Above both, in the word of a message: the host that it is for. */
const HOST_SHIFT = 28;
const SET_MASK = 0x7ffffff;

export class HostSets {
  /** Hosts that live, by node; and what the subnet says of them. */
  readonly live: Uint16Array;
  readonly #said: Int32Array;
  readonly #known = new NodePairs();
  readonly #key: number;
  readonly #sizes: Uint8Array;
  /** Messages that each host handled: 16 places a node. */
  readonly handled: Int32Array;

  constructor(scenario: HostScenario, nodes: number, seed: number) {
    this.#sizes = sizesOf(scenario, nodes, seed);
    this.handled = new Int32Array(nodes * HOSTS_MAX);
    this.live = new Uint16Array(nodes);
    this.#said = new Int32Array(nodes);
    this.#key = streamKey(seed, STREAM.host);
  }

  /** How many hosts a subnet has. */
  sizeOf(node: number): number {
    return this.#sizes[node]!;
  }

  /** All hosts of a subnet begin together. */
  begin(node: number): void {
    this.live[node] = 2 ** this.sizeOf(node) - 1;
    this.say(node);
  }

  isAnyLive(node: number): boolean {
    return this.live[node] !== 0;
  }

  hasLive(node: number, host: number): boolean {
    return ((this.live[node]! >>> host) & 1) === 1;
  }

  set(node: number, host: number, isLive: boolean): void {
    if (isLive) this.live[node]! |= 1 << host;
    else this.live[node]! &= ~(1 << host);
  }

  /** The subnet's set is what lives, under the next version. */
  say(node: number): void {
    const version = ((this.#said[node]! >>> MASK_BITS) + 1) & VERSION_MAX;
    this.#said[node] = (version << MASK_BITS) | this.live[node]!;
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
    return (host << HOST_SHIFT) | this.#said[from]!;
  }

  /** Writes what a node knows of those that a list names behind the list. */
  describe(node: number, lists: Lists, list: number): void {
    const { words, longest, width } = lists;
    const at = list * width;
    const count = words[at]!;
    for (let i = 1; i <= count; i++) words[at + longest + i] = this.#setOf(node, words[at + i]!);
  }

  /** The host of the subnet that a message is for. */
  hostOf(word: number): number {
    return word >>> HOST_SHIFT;
  }

  /** @param isAnswer it comes to whichever host asked; any living one stands for it */
  noteHandled(node: number, host: number, isAnswer: boolean): void {
    const one = isAnswer ? 31 - Math.clz32(this.live[node]!) : host;
    this.handled[node * HOSTS_MAX + one]!++;
  }

  /** Messages handled, by host, of the subnets that there are. */
  loads(): Float64Array {
    const loads: number[] = [];
    for (let node = 0; node < this.#sizes.length; node++) {
      if (this.#said[node] === 0) continue;
      for (let host = 0; host < this.sizeOf(node); host++)
        loads.push(this.handled[node * HOSTS_MAX + host]!);
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
  forget(node: number): void {
    this.#known.removeAll(node);
  }

  /** Nothing known: what the bootstrap server, or whoever named it, says now. */
  #setOf(node: number, other: number): number {
    if (node === other) return this.#said[node]!;
    const known = this.#known.get(node, other);
    return known === 0 ? this.#said[other]! : known;
  }

  #note(node: number, other: number, set: number): void {
    if (node === other || set === 0) return;
    const known = this.#known.get(node, other);
    const ahead = ((set >>> MASK_BITS) - (known >>> MASK_BITS)) & VERSION_MAX;
    if (known === 0 || (ahead !== 0 && ahead < VERSION_MAX / 2)) this.#known.set(node, other, set);
  }
}

function sizesOf({ perSubnet, sizes }: HostScenario, nodes: number, seed: number): Uint8Array {
  if (sizes === "equal") return new Uint8Array(nodes).fill(perSubnet);
  const table = shiftedParetoQuantiles(SKEW);
  const key = streamKey(seed, STREAM.host);
  return new Uint8Array(nodes).map((_, node) => {
    const size = 1 + Math.floor((perSubnet - 1) * quantileAt(table, unit(key, node, -1)));
    return Math.min(HOSTS_MAX, size);
  });
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
