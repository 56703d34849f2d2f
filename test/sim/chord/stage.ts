/** A stage for the Chord core: messages arrive at once and in order, and timers when the test says so. */
import { Chord } from "../../../sim/chord/chord.ts";
import { TICK } from "../../../sim/chord/types.ts";
import { NS_PER_S } from "../../../sim/engine/delay.ts";
import { NONE } from "../../../sim/engine/event-slab.ts";
import { Lists } from "../../../sim/engine/lists.ts";
import { ANSWER, type NodeIds, type Outbox } from "../../../sim/engine/protocol.ts";
import type { ChordScenario } from "../../../sim/scenario/scenario.ts";
import { scenarioOf } from "../scenarios.ts";

/** More than any test here takes. */
const MESSAGES_MAX = 100_000;

export interface Found {
  readonly node: number;
  readonly owner: number;
  readonly hops: number;
}

export class Stage implements Outbox {
  nowNs = 0;
  readonly lists = new Lists(9, false);
  readonly chord: Chord;
  readonly joins: number[] = [];
  readonly failedJoins: number[] = [];
  readonly founds: Found[] = [];
  /** Nodes that receive nothing. */
  readonly dead = new Set<number>();
  readonly #queue: (() => void)[] = [];
  readonly #timers: { node: number; type: number; a: number }[] = [];
  #answerTo: ((a: number, b: number, c: number, list: number) => void) | undefined;

  constructor(ids: NodeIds, changes: Partial<ChordScenario> = {}) {
    const scenario = scenarioOf({ chord: { ...scenarioOf().chord, ...changes } });
    const rows = ids.high.length;
    this.chord = new Chord({ scenario, ids, outbox: this, rows, shift: 0, adversary: undefined });
  }

  send(
    from: number,
    to: number,
    type: number,
    a: number,
    b: number,
    c: number,
    list: number,
  ): void {
    this.#queue.push(() => {
      this.#answerTo = undefined;
      if (!this.dead.has(to)) this.chord.onMessage(to, from, type, a, b, c, list);
      if (list !== NONE) this.lists.release(list);
    });
  }

  request(
    from: number,
    to: number,
    type: number,
    a: number,
    b: number,
    c: number,
    list: number,
    context: number,
  ): void {
    this.#queue.push(() => {
      let isAnswered = false;
      this.#answerTo = (d, e, f, own) => {
        isAnswered = true;
        this.#queue.push(() => {
          this.chord.onAnswer(from, to, type | ANSWER, d, e, f, own, context);
          if (own !== NONE) this.lists.release(own);
        });
      };
      if (!this.dead.has(to)) this.chord.onMessage(to, from, type, a, b, c, list);
      if (list !== NONE) this.lists.release(list);
      if (!isAnswered) this.#queue.push(() => this.chord.onTimeout(from, to, type, context, true));
    });
  }

  answer(_from: number, a: number, b: number, c: number, list: number): void {
    this.#answerTo!(a, b, c, list);
  }

  after(node: number, _delayNs: number, type: number, a: number): void {
    this.#timers.push({ node, type, a });
  }

  random(): number {
    return 0;
  }

  joined(node: number): void {
    this.joins.push(node);
  }

  joinFailed(node: number): void {
    this.failedJoins.push(node);
  }

  found(
    node: number,
    _tag: number,
    _high: number,
    _low: number,
    owner: number,
    hops: number,
  ): void {
    this.founds.push({ node, owner, hops });
  }

  /** Delivers messages until there are none. */
  settle(): void {
    for (let delivered = 0; this.#queue.length > 0; delivered++) {
      if (delivered === MESSAGES_MAX) throw new Error("the nodes do not come to rest");
      this.#queue.shift()!();
    }
  }

  /** The timers of a kind that a node has set so far. */
  fire(node: number, type: number): void {
    const due = this.#timers.filter((timer) => timer.node === node && timer.type === type);
    for (const timer of due) this.#timers.splice(this.#timers.indexOf(timer), 1);
    for (const { a } of due) this.chord.onTimer(node, type, a);
    this.settle();
  }

  /** A round of STABILIZE, in which each of the nodes has its turn. */
  stabilize(nodes: readonly number[]): void {
    this.nowNs += 5 * NS_PER_S;
    for (const node of nodes) this.fire(node, TICK.stabilize);
  }

  /** Looks for a key and tells who was found. */
  lookup(node: number, keyHigh: number, keyLow: number): Found {
    this.chord.lookup(node, keyHigh, keyLow, 0);
    this.settle();
    return this.founds.pop()!;
  }

  /** The nearest successor of each node; NONE where there is none. */
  successors(nodes: readonly number[]): readonly number[] {
    return nodes.map((node) => this.chord.successors(node)[0] ?? NONE);
  }

  predecessors(nodes: readonly number[]): readonly number[] {
    return nodes.map((node) => this.chord.predecessor(node));
  }
}

/** Ids of which these are the upper halves. */
export function idsOf(high: readonly number[]): NodeIds {
  return { high: Int32Array.from(high), low: new Int32Array(high.length) };
}
