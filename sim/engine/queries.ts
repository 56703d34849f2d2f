/** The test traffic of thesis §2.3: each node looks for a key about once a second. */
import type { Scenario } from "../scenario/scenario.ts";
import { NS_PER_S } from "./delay.ts";
import { draw, STREAM, streamKey, unit } from "./dice.ts";
import type { Directory } from "./directory.ts";
import type { NodeStates } from "./node-states.ts";
import type { NodeIds } from "./protocol.ts";
import { quantileAt, truncatedNormalQuantiles, type Quantiles } from "./quantiles.ts";

export class Queries {
  /** The key that `choose` found. */
  keyHigh = 0;
  keyLow = 0;
  readonly #ids: NodeIds;
  readonly #nodes: NodeStates;
  readonly #shift: number;
  readonly #key: number;
  readonly #intervalNs: number;
  readonly #isOfNodes: boolean;
  readonly #table: Quantiles;

  constructor({ seed, workload }: Scenario, ids: NodeIds, nodes: NodeStates, shift: number) {
    this.#ids = ids;
    this.#nodes = nodes;
    this.#shift = shift;
    this.#key = streamKey(seed, STREAM.workload);
    this.#intervalNs = workload.queryIntervalS * NS_PER_S;
    this.#isOfNodes = workload.target === "node";
    this.#table = truncatedNormalQuantiles(workload.queryDeviation);
  }

  /** Until a node's next query; Infinity when there are none. */
  periodNs(node: number): number {
    if (this.#intervalNs === 0) return Infinity;
    const factor = quantileAt(this.#table, unit(this.#key, node, this.#next(node)));
    return Math.max(1, Math.floor(this.#intervalNs * factor));
  }

  /** @returns false when there is nobody to look for */
  choose(node: number, directory: Directory): boolean {
    if (this.#isOfNodes) {
      const target = directory.any(this.#key, node, this.#next(node));
      if (target < 0) return false;
      this.keyHigh = this.#ids.high[target]!;
      this.keyLow = this.#ids.low[target]!;
      return true;
    }
    this.keyHigh = draw(this.#key, node, this.#next(node));
    this.keyLow = draw(this.#key, node, this.#next(node));
    return true;
  }

  #next(node: number): number {
    return this.#nodes.queries[node >> this.#shift]!++;
  }
}
