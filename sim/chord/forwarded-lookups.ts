/**
 * Recursive routing: each node sends what is for a key on to the next, until it is at the owner.
 *
 * Whoever gets a message says so at once; if it does not, it is forgotten and the message takes another
 * way. When only that word was lost a message may arrive twice. For nodes of one host only: lists hold
 * other numbers than nodes here, and another host would not get them.
 */
import { NONE } from "../engine/event-slab.ts";
import type { Outbox } from "../engine/protocol.ts";
import { HOPS_MAX, LOOKUP, LOOKUP_NS, LookupTable } from "./lookup-table.ts";
import type { Routing } from "./routing.ts";
import { TYPE } from "./types.ts";

/** Hears what arrived at the owner, or cannot go on from where it began. */
export interface ForwardEnd {
  /** @param owner the node, or NONE. @param hops messages that it took */
  onArrived(
    node: number,
    purpose: number,
    keyHigh: number,
    keyLow: number,
    subject: number,
    detail: number,
    owner: number,
    hops: number,
  ): void;
}

export class ForwardedLookups {
  readonly #outbox: Outbox;
  readonly #routing: Routing;
  readonly #end: ForwardEnd;
  /** Messages that were sent on and may have to be sent again. */
  readonly #table = new LookupTable();

  constructor(outbox: Outbox, routing: Routing, end: ForwardEnd) {
    this.#outbox = outbox;
    this.#routing = routing;
    this.#end = end;
  }

  /** @param subject and `detail`: see `LOOKUP`. @param hops that it took so far */
  forward(
    node: number,
    purpose: number,
    keyHigh: number,
    keyLow: number,
    subject: number,
    detail: number,
    hops: number,
  ): void {
    const hop = this.#routing.nextHop(node, keyHigh, keyLow, NONE);
    if (hop === node || hop === NONE) {
      this.#end.onArrived(node, purpose, keyHigh, keyLow, subject, detail, hop, hops);
      return;
    }
    const { nowNs } = this.#outbox;
    const table = this.#table;
    this.#send(table.take(nowNs, node, purpose, keyHigh, keyLow, subject, detail, hops), hop);
  }

  /** @param type and the others: of the message; @param list a row of lists: subject and hops */
  onMessage(
    node: number,
    type: number,
    keyHigh: number,
    keyLow: number,
    detail: number,
    list: number,
  ): void {
    const { lists } = this.#outbox;
    const subject = lists.words[list * lists.width + 1]!;
    const hops = lists.words[list * lists.width + 2]! + 1;
    this.#outbox.answer(node, 0, 0, 0, NONE);
    if (hops > HOPS_MAX) return;
    this.forward(node, type - TYPE.routeQuery, keyHigh, keyLow, subject, detail, hops);
  }

  /** It was received, or who sent it on went. */
  drop(lookup: number): void {
    this.#table.release(lookup);
  }

  /** The node that did not take it is forgotten already. */
  onTimeout(node: number, lookup: number): void {
    const table = this.#table;
    const isLate = this.#outbox.nowNs > table.startOf(lookup) + LOOKUP_NS;
    const purpose = table.get(lookup, LOOKUP.purpose);
    const keyHigh = table.get(lookup, LOOKUP.keyHigh);
    const keyLow = table.get(lookup, LOOKUP.keyLow);
    const hop = isLate ? NONE : this.#routing.nextHop(node, keyHigh, keyLow, NONE);
    if (hop !== node && hop !== NONE) {
      this.#send(lookup, hop);
      return;
    }
    const subject = table.get(lookup, LOOKUP.subject);
    const detail = table.get(lookup, LOOKUP.detail);
    const hops = table.get(lookup, LOOKUP.hops);
    table.release(lookup);
    this.#end.onArrived(node, purpose, keyHigh, keyLow, subject, detail, hop, hops);
  }

  #send(lookup: number, to: number): void {
    const table = this.#table;
    const { lists } = this.#outbox;
    const list = lists.take();
    const at = list * lists.width;
    lists.words[at] = 2;
    lists.words[at + 1] = table.get(lookup, LOOKUP.subject);
    lists.words[at + 2] = table.get(lookup, LOOKUP.hops);
    const node = table.get(lookup, LOOKUP.node);
    const type = TYPE.routeQuery + table.get(lookup, LOOKUP.purpose);
    const keyHigh = table.get(lookup, LOOKUP.keyHigh);
    const keyLow = table.get(lookup, LOOKUP.keyLow);
    const detail = table.get(lookup, LOOKUP.detail);
    this.#outbox.request(node, to, type, keyHigh, keyLow, detail, list, lookup);
  }
}
