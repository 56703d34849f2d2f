/** The test traffic of thesis §2.3: each node looks for a key about once a second. */
import type { Scenario } from "../scenario/scenario.ts";
import { NS_PER_S } from "./delay.ts";
import { draw, STREAM, streamKey, unit } from "./dice.ts";
import type { Adversary } from "./adversary.ts";
import type { Directory } from "./directory.ts";
import { TICK } from "./engine-types.ts";
import { NONE } from "./event-slab.ts";
import { JOINED, type NodeStates } from "./node-states.ts";
import { COUNT, type Probes } from "./probes.ts";
import type { NodeIds, Outbox, Protocol } from "./protocol.ts";
import { quantileAt, truncatedNormalQuantiles, type Quantiles } from "./quantiles.ts";
import type { Subnets } from "./subnets.ts";

export interface QueryParts {
  readonly scenario: Scenario;
  readonly ids: NodeIds;
  readonly nodes: NodeStates;
  readonly shift: number;
  readonly outbox: Pick<Outbox, "nowNs" | "after">;
  readonly protocol: Protocol;
  readonly directory: Directory;
  readonly probes: Probes;
  readonly adversary: Adversary | undefined;
  readonly subnets: Subnets;
}

export class Queries {
  /** Queries that arrived in this window: node and both halves of the key, one after the other. */
  readonly deliveries: number[] = [];
  readonly #parts: QueryParts;
  readonly #key: number;
  readonly #intervalNs: number;
  readonly #target: Scenario["workload"]["target"];
  readonly #table: Quantiles;
  #keyHigh = 0;
  #keyLow = 0;

  constructor(parts: QueryParts) {
    this.#parts = parts;
    const { seed, workload } = parts.scenario;
    this.#key = streamKey(seed, STREAM.workload);
    this.#intervalNs = workload.queryIntervalS * NS_PER_S;
    this.#target = workload.target;
    this.#table = truncatedNormalQuantiles(workload.queryDeviation);
  }

  /** A node's next query, if there are any. */
  expect(node: number): void {
    const { adversary, outbox, subnets } = this.#parts;
    if (this.#intervalNs === 0 || adversary?.isLiar(node) === true) return;
    const factor = quantileAt(this.#table, unit(this.#key, node, this.#next(node)));
    const intervalNs = this.#intervalNs / subnets.paceOf(node);
    const periodNs = Math.max(1, Math.floor(intervalNs * factor));
    outbox.after(node, periodNs, TICK.query, 0);
  }

  fire(node: number): void {
    const { nodes, shift, probes, protocol } = this.#parts;
    this.expect(node);
    probes.add(COUNT.sent, 1);
    // What a node sends before it has joined is lost, as in thesis §2.3.
    if (!this.#choose(node) || nodes.states[node >> shift] !== JOINED) return;
    protocol.lookup(node, this.#keyHigh, this.#keyLow, 0);
  }

  /** A query came to a node. @param startUs when it was sent, modulo 2^32 */
  deliver(node: number, keyHigh: number, keyLow: number, hops: number, startUs: number): void {
    const { nodes, shift, outbox, protocol, probes } = this.#parts;
    if (nodes.states[node >> shift] !== JOINED) return;
    if (!protocol.isResponsible(node, keyHigh, keyLow)) return;
    probes.delivered(hops, ((Math.floor(outbox.nowNs / 1000) | 0) - startUs) | 0);
    this.deliveries.push(node, keyHigh, keyLow);
  }

  /** @returns false when there is nobody to look for */
  #choose(node: number): boolean {
    if (this.#target === "random") {
      this.#keyHigh = draw(this.#key, node, this.#next(node));
      this.#keyLow = draw(this.#key, node, this.#next(node));
      return true;
    }
    const { directory, ids, adversary } = this.#parts;
    const target =
      this.#target === "node"
        ? directory.any(this.#key, node, this.#next(node))
        : (adversary?.victim ?? NONE);
    if (target === NONE) return false;
    this.#keyHigh = ids.high[target]!;
    this.#keyLow = ids.low[target]!;
    return true;
  }

  #next(node: number): number {
    const { nodes, shift } = this.#parts;
    return nodes.queries[node >> shift]!++;
  }
}
