/**
 * Bootstrap servers: nodes that give newcomers a contact. Three messages to join: a question, its
 * answer, and the newcomer's word that it has joined (thesis §2.3).
 *
 * The first that asks server 0 when it knows nobody founds the overlay. A server learns of nobody's end
 * until that node asks again; whoever got a dead contact asks again.
 */
import type { ServerScenario } from "../scenario/scenario.ts";
import { NS_PER_S } from "./delay.ts";
import { below } from "./dice.ts";
import { NONE } from "./event-slab.ts";

/** What a server says instead of a contact. */
export const NOBODY = -1;
export const FOUND_IT = -2;

/** The founder of an overlay has joined by then. */
const FOUNDING_NS = 10 * NS_PER_S;

export interface ServerAnswer {
  /** A node, NOBODY, or FOUND_IT. */
  readonly contact: number;
  /** How long the question waited and was worked on. */
  readonly tookNs: number;
}

export class BootstrapServer {
  readonly #scenario: ServerScenario;
  readonly #index: number;
  readonly #key: number;
  readonly #handle: number;
  #members = new Int32Array(256);
  /** By node: its place among the members and 1, or 0. */
  readonly #places: Int32Array;
  #count = 0;
  #founder = NONE;
  #foundedNs = 0;
  #asked = 0;
  #freeAtNs = 0;

  /**
   * @param handle behind those of all nodes
   * @param nodes  how many there are
   * @param key    of a stream of `dice.ts`
   */
  constructor(scenario: ServerScenario, index: number, handle: number, nodes: number, key: number) {
    this.#scenario = scenario;
    this.#places = new Int32Array(nodes);
    this.#index = index;
    this.#handle = handle;
    this.#key = key;
  }

  /** `undefined` when it is dead, or has too much to do. */
  ask(from: number, nowNs: number): ServerAnswer | undefined {
    const { capacity, queueMax } = this.#scenario;
    if (this.#isDown(nowNs)) return undefined;
    const eachNs = capacity === null ? 0 : Math.floor(NS_PER_S / capacity);
    const beginNs = Math.max(nowNs, this.#freeAtNs);
    if (eachNs > 0 && beginNs - nowNs > queueMax * eachNs) return undefined;
    this.#freeAtNs = beginNs + eachNs;
    this.#remove(from); // who asks has not joined, or not since it came back
    return { contact: this.#contactFor(from, nowNs), tookNs: this.#freeAtNs - nowNs };
  }

  register(node: number, nowNs: number): void {
    if (this.#isDown(nowNs) || this.#places[node] !== 0) return;
    if (this.#count === this.#members.length) {
      const members = new Int32Array(this.#count * 2);
      members.set(this.#members);
      this.#members = members;
    }
    this.#members[this.#count++] = node;
    this.#places[node] = this.#count;
  }

  /** The last one takes its place. */
  #remove(node: number): void {
    const place = this.#places[node]! - 1;
    if (place < 0) return;
    const last = this.#members[--this.#count]!;
    this.#members[place] = last;
    this.#places[last] = place + 1;
    this.#places[node] = 0;
  }

  #contactFor(from: number, nowNs: number): number {
    if (this.#count === 0) {
      if (this.#index > 0) return NOBODY;
      // Whoever was to found the overlay and has not been heard of since does not found it any more.
      if (this.#founder === NONE || nowNs - this.#foundedNs > FOUNDING_NS) {
        this.#founder = from;
        this.#foundedNs = nowNs;
      }
      return this.#founder === from ? FOUND_IT : this.#founder;
    }
    return this.#members[below(this.#count, this.#key, this.#handle, this.#asked++)]!;
  }

  #isDown(nowNs: number): boolean {
    const { downFromS, downToS, downCount } = this.#scenario;
    if (downCount !== null && this.#index >= downCount) return false;
    if (downFromS === null || nowNs < downFromS * NS_PER_S) return false;
    return downToS === null || nowNs < downToS * NS_PER_S;
  }
}
