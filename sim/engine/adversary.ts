/**
 * Nodes that lie, all in one hand: they know each other and say the same.
 *
 * What they are is fixed before a run, so that it is the same for all threads. The threats are those
 * of S/Kademlia (Baumgart and Mies 2007, §3); forged ids and dropped messages are not among them.
 */
import type { AdversaryScenario, Scenario } from "../scenario/scenario.ts";
import { NS_PER_S } from "./delay.ts";
import { STREAM, streamKey, unit } from "./dice.ts";
import { compareIds } from "./directory.ts";
import { NONE } from "./event-slab.ts";
import type { NodeIds } from "./protocol.ts";

/** Which nodes are the adversary's: never the first one, nor the victim. By handle; 1 or 0. */
export function chooseLiars({ adversary, nodes, seed }: Scenario): Uint8Array {
  const liars = new Uint8Array(nodes);
  const { kind, share, victim } = adversary;
  if (kind === "none") return liars;
  const key = streamKey(seed, STREAM.adversary);
  for (let node = 1; node < nodes; node++)
    if (unit(key, node, 0) < share && node !== victim) liars[node] = 1;
  return liars;
}

/** Eclipse: gives liars ids that begin as the victim's does. */
export function moveToVictim(scenario: Scenario, ids: NodeIds, liars: Uint8Array): void {
  const { adversary, nodes } = scenario;
  if (adversary.kind !== "eclipse") return;
  const mask = prefixMask(adversary.prefixBits);
  const prefix = ids.high[adversary.victim]! & mask;
  for (let node = 0; node < nodes; node++)
    if (liars[node] === 1) ids.high[node] = prefix | (ids.high[node]! & ~mask);
}

export interface AdversaryParts {
  readonly scenario: Scenario;
  readonly ids: NodeIds;
  /** Handles in the order of their ids. */
  readonly ranked: Int32Array;
  /** When nodes arrive, by handle. */
  readonly arrivals: Float64Array;
}

/** @returns undefined when everybody is honest */
export function createAdversary(parts: AdversaryParts): Adversary | undefined {
  return parts.scenario.adversary.kind === "none" ? undefined : new Adversary(parts);
}

export class Adversary {
  /** The node whose id queries may look for. */
  readonly victim: number;
  readonly #scenario: AdversaryScenario;
  readonly #liars: Uint8Array;
  readonly #ids: NodeIds;
  /** Liars in the order of their ids. */
  readonly #ranked: Int32Array;
  readonly #arrivals: Float64Array;

  constructor({ scenario, ids, ranked, arrivals }: AdversaryParts) {
    this.#scenario = scenario.adversary;
    this.#liars = chooseLiars(scenario);
    this.#ids = ids;
    this.#arrivals = arrivals;
    this.victim = scenario.adversary.victim;
    this.#ranked = ranked.filter((node) => this.#liars[node] === 1);
  }

  isLiar(node: number): boolean {
    return this.#liars[node] === 1;
  }

  /** Whether a node does not say the truth about a key. */
  lies(node: number, keyHigh: number, nowNs: number): boolean {
    if (this.#liars[node] === 0 || nowNs < this.#scenario.fromS * NS_PER_S) return false;
    if (this.#scenario.kind === "sybil") return true;
    const difference = keyHigh ^ this.#ids.high[this.victim]!;
    return (difference & prefixMask(this.#scenario.prefixBits)) === 0;
  }

  /** The first liar at or after a key on the ring that has arrived; NONE when none has. */
  ringOwner(keyHigh: number, keyLow: number, nowNs: number): number {
    const { high, low } = this.#ids;
    const ranked = this.#ranked;
    let from = 0;
    let to = ranked.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      const node = ranked[middle]!;
      if (compareIds(high[node]!, low[node]!, keyHigh, keyLow) < 0) from = middle + 1;
      else to = middle;
    }
    for (let i = 0; i < ranked.length; i++) {
      const node = ranked[(from + i) % ranked.length]!;
      if (this.#arrivals[node]! <= nowNs) return node;
    }
    return NONE;
  }

  /** Offers the liars nearest to a key by XOR that have arrived, and some more; perhaps none. */
  offerNearest(
    keyHigh: number,
    wanted: number,
    nowNs: number,
    into: { offer(node: number): void },
  ): void {
    const ranked = this.#ranked;
    let from = 0;
    let to = ranked.length;
    for (let bit = 0; bit < 32 && to - from > wanted; bit++) {
      const split = this.#split(from, to, bit);
      const isHigh = ((keyHigh << bit) & LEFTMOST) !== 0;
      if ((isHigh ? to - split : split - from) < wanted) break;
      if (isHigh) from = split;
      else to = split;
    }
    for (let at = from; at < to; at++)
      if (this.#arrivals[ranked[at]!]! <= nowNs) into.offer(ranked[at]!);
  }

  /** Of those whose ids agree in all bits before: the first with this bit set. */
  #split(from: number, to: number, bit: number): number {
    const { high } = this.#ids;
    let low = from;
    let end = to;
    while (low < end) {
      const middle = (low + end) >> 1;
      if (((high[this.#ranked[middle]!]! << bit) & LEFTMOST) !== 0) end = middle;
      else low = middle + 1;
    }
    return low;
  }
}

const LEFTMOST = 1 << 31;

function prefixMask(bits: number): number {
  return bits === 0 ? 0 : -1 << (32 - bits);
}
