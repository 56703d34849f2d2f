/**
 * Some Chord nodes for which messages take no time and STABILIZE comes in rounds, so that one can look
 * at their pointers step by step (thesis figs. 2.7 and 2.8).
 */
import { Chord } from "../chord/chord.ts";
import { TICK, TYPE } from "../chord/types.ts";
import { NONE } from "../engine/event-slab.ts";
import { Lists } from "../engine/lists.ts";
import { ANSWER, type Outbox } from "../engine/protocol.ts";
import type { Scenario } from "../scenario/scenario.ts";

/** What a node does when a message comes; the answer is what it hands to `answer`. */
type Task = () => void;

export class RoundStage implements Outbox {
  readonly nowNs = 0;
  readonly lists = new Lists(9, false);
  readonly #chord: Chord;
  readonly #nodes: readonly number[];
  readonly #tasks: Task[] = [];
  readonly #rounds: { readonly node: number; readonly a: number }[] = [];
  #answer: (a: number, b: number, c: number, list: number) => void = () => undefined;

  /** @param ids  the upper halves; the first node forms the ring */
  constructor(scenario: Scenario, ids: readonly number[]) {
    this.#nodes = ids.map((_, node) => node);
    this.#chord = new Chord({
      ...{ scenario, outbox: this, rows: ids.length, shift: 0, adversary: undefined },
      ids: { high: Int32Array.from(ids), low: new Int32Array(ids.length) },
    });
    this.#chord.start(0, NONE);
  }

  /** Lets a node know who its successor is, and nobody else hear of it but through STABILIZE. */
  welcome(joiner: number, owner: number): void {
    const contact = this.#nodes.findLast((node) => node !== joiner)!;
    const before = this.#tasks.length;
    this.#chord.start(joiner, contact);
    this.#tasks.length = before; // its JOIN, which is answered by us
    const list = this.lists.take();
    this.#chord.onMessage(joiner, owner, TYPE.welcome, 0, 0, 0, list);
    this.lists.release(list);
  }

  /** Delivers all messages. */
  settle(): void {
    for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) task();
  }

  /** A round of STABILIZE, in which the nodes have their turns in this order. */
  stabilize(order: readonly number[]): void {
    for (const node of order) {
      const at = this.#rounds.findIndex((one) => one.node === node);
      const [due] = at < 0 ? [] : this.#rounds.splice(at, 1);
      if (due !== undefined) this.#chord.onTimer(node, TICK.stabilize, due.a);
      this.settle();
    }
  }

  /** Of each node its successor; NONE where it has none. */
  successors(): readonly number[] {
    return this.#nodes.map((node) => this.#chord.successors(node)[0] ?? NONE);
  }

  send(from: number, to: number, type: number, a: number, b: number, c: number, list: number) {
    this.#tasks.push(() => {
      this.#chord.onMessage(to, from, type, a, b, c, list);
      if (list !== NONE) this.lists.release(list);
    });
  }

  request(
    ...[from, to, type, a, b, c, list, context]: readonly [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ]
  ): void {
    this.#tasks.push(() => {
      this.#answer = (d, e, f, own) =>
        void this.#tasks.push(() => {
          this.#chord.onAnswer(from, to, type | ANSWER, d, e, f, own, context);
          if (own !== NONE) this.lists.release(own);
        });
      this.#chord.onMessage(to, from, type, a, b, c, list);
      if (list !== NONE) this.lists.release(list);
    });
  }

  answer(_from: number, a: number, b: number, c: number, list: number): void {
    this.#answer(a, b, c, list);
  }

  after(node: number, _delayNs: number, type: number, a: number): void {
    if (type === TICK.stabilize) this.#rounds.push({ node, a });
  }

  random(): number {
    return 0;
  }

  joined(): void {}
  joinFailed(): void {}
  found(): void {}
}
