/**
 * Iterative lookups: the node that wants to know asks one node after the other itself.
 *
 * Each names the next; the lookup ends at the one that names itself. Nobody is asked twice. When one
 * does not answer, who named it is told so and asked again.
 */
import { NONE } from "../engine/event-slab.ts";
import type { Outbox } from "../engine/protocol.ts";
import { HOPS_MAX, LOOKUP, LOOKUP_NS, LookupTable } from "./lookup-table.ts";
import type { Routing } from "./routing.ts";
import { TYPE } from "./types.ts";

/** Hears how a lookup ended. */
export interface LookupEnd {
  /** @param owner NONE when nobody was found. @param hops answers that it took */
  onFound(
    node: number,
    purpose: number,
    keyHigh: number,
    keyLow: number,
    subject: number,
    detail: number,
    owner: number,
    hops: number,
    startNs: number,
  ): void;
}

export class IterativeLookups {
  readonly #outbox: Outbox;
  readonly #routing: Routing;
  readonly #end: LookupEnd;
  readonly #table = new LookupTable();

  constructor(outbox: Outbox, routing: Routing, end: LookupEnd) {
    this.#outbox = outbox;
    this.#routing = routing;
    this.#end = end;
  }

  /** @param subject and `detail`: see `LOOKUP` */
  begin(
    node: number,
    purpose: number,
    keyHigh: number,
    keyLow: number,
    subject: number,
    detail: number,
  ): void {
    const { nowNs } = this.#outbox;
    const hop = this.#routing.nextHop(node, keyHigh, keyLow, NONE);
    if (hop === node || hop === NONE) {
      this.#end.onFound(node, purpose, keyHigh, keyLow, subject, detail, hop, 0, nowNs);
      return;
    }
    const table = this.#table;
    const lookup = table.take(nowNs, node, purpose, keyHigh, keyLow, subject, detail, 0);
    table.ask(lookup, hop);
    this.#request(lookup, hop, NONE);
  }

  /** @param hop whom the answer names; the sender itself is the owner */
  onAnswer(node: number, from: number, hop: number, lookup: number): void {
    const table = this.#table;
    const hops = table.get(lookup, LOOKUP.hops) + 1;
    table.set(lookup, LOOKUP.hops, hops);
    table.set(lookup, LOOKUP.answered, from);
    if (this.#isLate(lookup)) this.#finish(lookup, NONE);
    else if (hop === from) this.#finish(lookup, from);
    else if (hop === NONE || hops >= HOPS_MAX) this.#finish(lookup, NONE);
    else if (hop === node) this.#goOnByItself(node, lookup);
    else this.#goOn(lookup, hop);
  }

  /** The node that did not answer is forgotten already. */
  onTimeout(node: number, to: number, lookup: number): void {
    const answered = this.#table.get(lookup, LOOKUP.answered);
    if (this.#isLate(lookup)) this.#finish(lookup, NONE);
    else if (answered === NONE || answered === to) {
      this.#table.set(lookup, LOOKUP.answered, NONE);
      this.#goOnByItself(node, lookup);
    } else this.#request(lookup, answered, to);
  }

  /** Of a node that went. */
  drop(lookup: number): void {
    this.#table.release(lookup);
  }

  /** Of a node that has no place on the ring any more. */
  fail(lookup: number): void {
    this.#finish(lookup, NONE);
  }

  #isLate(lookup: number): boolean {
    return this.#outbox.nowNs > this.#table.startOf(lookup) + LOOKUP_NS;
  }

  #goOnByItself(node: number, lookup: number): void {
    const table = this.#table;
    const keyHigh = table.get(lookup, LOOKUP.keyHigh);
    const hop = this.#routing.nextHop(node, keyHigh, table.get(lookup, LOOKUP.keyLow), NONE);
    if (hop === node || hop === NONE) this.#finish(lookup, hop);
    else this.#goOn(lookup, hop);
  }

  #goOn(lookup: number, hop: number): void {
    if (this.#table.ask(lookup, hop)) this.#request(lookup, hop, NONE);
    else this.#finish(lookup, NONE);
  }

  #request(lookup: number, to: number, dead: number): void {
    const table = this.#table;
    const node = table.get(lookup, LOOKUP.node);
    const keyHigh = table.get(lookup, LOOKUP.keyHigh);
    const keyLow = table.get(lookup, LOOKUP.keyLow);
    this.#outbox.request(node, to, TYPE.findNode, keyHigh, keyLow, dead, NONE, lookup);
  }

  #finish(lookup: number, owner: number): void {
    const table = this.#table;
    const node = table.get(lookup, LOOKUP.node);
    const purpose = table.get(lookup, LOOKUP.purpose);
    const keyHigh = table.get(lookup, LOOKUP.keyHigh);
    const keyLow = table.get(lookup, LOOKUP.keyLow);
    const subject = table.get(lookup, LOOKUP.subject);
    const detail = table.get(lookup, LOOKUP.detail);
    const hops = table.get(lookup, LOOKUP.hops);
    const startNs = table.startOf(lookup);
    table.release(lookup);
    this.#end.onFound(node, purpose, keyHigh, keyLow, subject, detail, owner, hops, startNs);
  }
}
