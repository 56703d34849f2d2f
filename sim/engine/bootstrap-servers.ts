/**
 * Bootstrap servers: nodes that give newcomers a contact. Three messages to join: a question, its
 * answer, and the newcomer's word that it has joined (thesis §2.3).
 *
 * The first that asks server 0 founds the overlay. A server learns of nobody's end; whoever got a dead
 * contact asks again.
 */
import type { ServerScenario } from "../scenario/scenario.ts";
import { NS_PER_S } from "./delay.ts";
import { below } from "./dice.ts";
import { NONE } from "./event-slab.ts";

/** What a server says instead of a contact. */
export const NOBODY = -1;
export const FOUND_IT = -2;

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
  #count = 0;
  #founder = NONE;
  #asked = 0;
  #freeAtNs = 0;
  /** Questions that it did not take. */
  dropped = 0;

  /** @param key of a stream of `dice.ts` */
  constructor(scenario: ServerScenario, index: number, handle: number, key: number) {
    this.#scenario = scenario;
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
    if (eachNs > 0 && beginNs - nowNs > queueMax * eachNs) {
      this.dropped++;
      return undefined;
    }
    this.#freeAtNs = beginNs + eachNs;
    return { contact: this.#contactFor(from), tookNs: this.#freeAtNs - nowNs };
  }

  register(node: number, nowNs: number): void {
    if (this.#isDown(nowNs)) return;
    if (this.#count === this.#members.length) {
      const members = new Int32Array(this.#count * 2);
      members.set(this.#members);
      this.#members = members;
    }
    this.#members[this.#count++] = node;
  }

  #contactFor(from: number): number {
    if (this.#count === 0) {
      if (this.#index > 0) return NOBODY;
      if (this.#founder === NONE) this.#founder = from;
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
