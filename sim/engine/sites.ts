/**
 * Sites of the delay model `classes`: nodes of one site share a LAN, and whatever is between two
 * sites is the WAN.
 *
 * Nodes are in sites by turns, node and site being both odd or both even: so all nodes of a site are
 * in one partition of two, and a window is as long as the least delay of the WAN.
 */
import type { DelayScenario } from "../scenario/scenario.ts";
import { STREAM, streamKey, unit } from "./dice.ts";

/** No more than so many threads have the nodes. */
const PARTITIONS_MAX = 2;

export class Sites {
  /** How many; a multiple of PARTITIONS_MAX unless there is one. */
  readonly count: number;
  readonly #nodes: number;
  readonly #slowShare: number;
  readonly #key: number;

  constructor(
    { perSite, slowShare }: Pick<DelayScenario, "perSite" | "slowShare">,
    nodes: number,
    seed: number,
  ) {
    const wanted = Math.ceil(nodes / perSite);
    this.count = wanted === 1 ? 1 : PARTITIONS_MAX * Math.ceil(wanted / PARTITIONS_MAX);
    this.#nodes = nodes;
    this.#slowShare = slowShare;
    this.#key = streamKey(seed, STREAM.site);
  }

  /** Bootstrap servers, whose handles are above all nodes, are each at a site of its own. */
  siteOf(node: number): number {
    return node < this.#nodes ? node % this.count : node;
  }

  isLan(from: number, to: number): boolean {
    return this.siteOf(from) === this.siteOf(to);
  }

  /** Whether the site is behind a slow access line; no server's is. */
  isSlow(node: number): boolean {
    return node < this.#nodes && unit(this.#key, this.siteOf(node), 0) < this.#slowShare;
  }
}
