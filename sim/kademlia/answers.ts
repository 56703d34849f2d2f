/** What a node says when it is asked for the nodes near a key: the truth, or what its adversary wants. */
import type { Adversary } from "../engine/adversary.ts";
import type { Outbox } from "../engine/protocol.ts";
import type { Closest } from "./closest.ts";
import type { RoutingTable } from "./routing-table.ts";

/** What an answer says of the key: nothing, that it is the sender's own, or another's. */
export const CLAIM = { none: 0, own: 1, other: 2 } as const;

export interface AnswerParts {
  readonly table: RoutingTable;
  readonly closest: Closest;
  readonly outbox: Outbox;
  readonly adversary: Adversary | undefined;
  /** Nodes that an answer names at most. */
  readonly longest: number;
}

export class Answers {
  readonly #parts: AnswerParts;

  constructor(parts: AnswerParts) {
    this.#parts = parts;
  }

  /** Whether a node does not say the truth about a key. */
  isLie(node: number, keyHigh: number): boolean {
    const { adversary, outbox } = this.#parts;
    return adversary !== undefined && adversary.lies(node, keyHigh, outbox.nowNs);
  }

  /**
   * To the request at hand.
   *
   * @param wanted how many nodes count as responsible; 0: it does not matter who is
   */
  give(node: number, keyHigh: number, keyLow: number, wanted: number, isReady: boolean): void {
    if (this.isLie(node, keyHigh)) return this.#lie(node, keyHigh, keyLow, wanted);
    const { table, closest, longest } = this.#parts;
    const isSibling = isReady && wanted > 0 && table.isSibling(node, keyHigh, keyLow, wanted);
    // Who is responsible names those that are it too, and nobody else.
    closest.begin(keyHigh, keyLow, isSibling ? wanted : longest);
    table.collect(node, keyHigh, closest);
    if (isSibling) closest.offer(node);
    closest.finish();
    this.#send(node, isSibling ? CLAIM.own : CLAIM.none, 0);
  }

  /** Liars name their like only, and the nearest of them as the owner. */
  #lie(node: number, keyHigh: number, keyLow: number, wanted: number): void {
    const { adversary, closest, longest, outbox } = this.#parts;
    closest.begin(keyHigh, keyLow, longest);
    adversary!.offerNearest(keyHigh, longest, outbox.nowNs, closest);
    closest.finish();
    if (closest.count === 0) {
      closest.offer(node);
      closest.finish();
    }
    this.#send(node, wanted > 0 ? CLAIM.other : CLAIM.none, closest.nodes[0]!);
  }

  #send(node: number, claim: number, owner: number): void {
    const { closest, outbox } = this.#parts;
    const { lists } = outbox;
    const list = lists.take();
    const at = list * lists.width;
    lists.words[at] = closest.count;
    for (let i = 0; i < closest.count; i++) lists.words[at + 1 + i] = closest.nodes[i]!;
    outbox.answer(node, claim, owner, 0, list);
  }
}
