/** How long messages are under way. */
import type { DelayScenario } from "../scenario/scenario.ts";
import { draw, streamKey, STREAM, unit } from "./dice.ts";
import { halfNormalQuantiles, quantileAt, type Quantiles } from "./quantiles.ts";
import { Sites } from "./sites.ts";

export const NS_PER_MS = 1_000_000;
export const NS_PER_S = 1_000_000_000;
/** A message that does not arrive. */
export const LOST = -1;

/**
 * The network between the nodes: the thesis' 50 ms and truncated normal jitter (§2.3), and what
 * makes a network less kind.
 */
export class Network {
  /** No message from thread to thread is faster: so far ahead they may run without hearing of each other. */
  readonly leastNs: number;
  /** Of the model `classes`. */
  readonly #sites: Sites | undefined;
  readonly #lanNs: number;
  readonly #lanKey: number;
  readonly #scenario: DelayScenario;
  readonly #nodes: number;
  readonly #quantiles: Quantiles = halfNormalQuantiles();
  readonly #delayKey: number;
  readonly #lossKey: number;
  readonly #placeKey: number;
  readonly #baseNs: number;
  readonly #deviationNs: number;
  readonly #isPlain: boolean;
  readonly #matrix: readonly Float64Array[];

  /** @param matrix rows of one-way milliseconds, for the model `matrix` */
  constructor(
    scenario: DelayScenario,
    seed: number,
    nodes: number,
    matrix: readonly Float64Array[] = [],
  ) {
    this.#scenario = scenario;
    this.#nodes = nodes;
    this.#matrix = matrix;
    this.#delayKey = streamKey(seed, STREAM.delay);
    this.#lossKey = streamKey(seed, STREAM.loss);
    this.#placeKey = streamKey(seed, STREAM.place);
    this.#baseNs = Math.round(scenario.baseMs * NS_PER_MS);
    this.#deviationNs = this.#baseNs * scenario.jitter;
    this.#lanNs = Math.round(scenario.lanMs * NS_PER_MS);
    this.#lanKey = streamKey(seed, STREAM.lan);
    this.#sites = scenario.model === "classes" ? new Sites(scenario, nodes, seed) : undefined;
    const { isStable, asymmetry, loss, changes, partitions, model } = scenario;
    const isSame = !isStable && asymmetry === 0 && loss === 0;
    this.#isPlain =
      model === "jittered" && isSame && changes.length === 0 && partitions.length === 0;
    this.leastNs = this.#least();
  }

  /** Nanoseconds, or LOST. @param sequence the sender's count of its messages */
  delayNs(from: number, to: number, sequence: number, nowNs: number): number {
    if (this.#isPlain) return this.#baseNs + this.#jitterNs(from, sequence);
    return this.#unkindNs(from, to, sequence, nowNs);
  }

  /** Whether a message stays inside a LAN. */
  isLan(from: number, to: number): boolean {
    return this.#sites?.isLan(from, to) === true;
  }

  #unkindNs(from: number, to: number, sequence: number, nowNs: number): number {
    const { isStable, asymmetry, loss } = this.#scenario;
    if (this.isLan(from, to)) return this.#insideNs(from, to, sequence);
    if (loss > 0 && unit(this.#lossKey, from, sequence) < loss) return LOST;
    if (this.#isParted(from, to, nowNs)) return LOST;
    const base = this.#baseBetween(from, to);
    const share = base / this.#baseNs;
    let delay = base + share * this.#jitterNs(from, isStable ? ~to : sequence);
    if (asymmetry > 0) {
      const tilt = (draw(this.#placeKey, Math.min(from, to), Math.max(from, to)) & 1) === 0;
      delay *= tilt === from < to ? 1 + asymmetry : 1 - asymmetry;
    }
    return Math.max(this.leastNs, Math.floor(delay * this.#factorAt(nowNs)));
  }

  /** From node to node of one site: what befalls the WAN does not touch it. */
  #insideNs(from: number, to: number, sequence: number): number {
    const { isStable, lanLoss } = this.#scenario;
    if (lanLoss > 0 && unit(this.#lossKey, from, sequence) < lanLoss) return LOST;
    return this.lanNs(from, isStable ? ~to : sequence);
  }

  /** From host to host of a node, with any model. @param counter of the node's messages inside it */
  lanNs(node: number, counter: number): number {
    const deviationNs = this.#lanNs * this.#scenario.jitter;
    return this.#lanNs + this.#drawnNs(deviationNs, this.#lanKey, node, counter);
  }

  #jitterNs(from: number, counter: number): number {
    return this.#drawnNs(this.#deviationNs, this.#delayKey, from, counter);
  }

  #drawnNs(deviationNs: number, key: number, from: number, counter: number): number {
    return Math.floor(deviationNs * quantileAt(this.#quantiles, unit(key, from, counter)));
  }

  /** Without jitter. Coordinates: on a square of which the diagonal is the base; a tenth is for the last mile. */
  #baseBetween(from: number, to: number): number {
    const { model } = this.#scenario;
    if (model === "jittered") return this.#baseNs;
    if (this.#sites !== undefined) {
      const slow = (this.#sites.isSlow(from) ? 1 : 0) + (this.#sites.isSlow(to) ? 1 : 0);
      return this.#baseNs + slow * this.#scenario.slowMs * NS_PER_MS;
    }
    if (model === "matrix") {
      const row = this.#matrix[from % this.#matrix.length]!;
      return row[to % row.length]! * NS_PER_MS;
    }
    const x = unit(this.#placeKey, from, 0) - unit(this.#placeKey, to, 0);
    const y = unit(this.#placeKey, from, 1) - unit(this.#placeKey, to, 1);
    return this.#baseNs * (LAST_MILE + (1 - LAST_MILE) * Math.sqrt((x * x + y * y) / 2));
  }

  #isParted(from: number, to: number, nowNs: number): boolean {
    for (const { fromS, toS, share } of this.#scenario.partitions) {
      if (nowNs < fromS * NS_PER_S || nowNs >= toS * NS_PER_S) continue;
      const border = Math.floor(share * (this.#sites?.count ?? this.#nodes));
      const isFirst = (node: number): boolean => (this.#sites?.siteOf(node) ?? node) < border;
      if (isFirst(from) !== isFirst(to)) return true;
    }
    return false;
  }

  #factorAt(nowNs: number): number {
    let factor = 1;
    for (const change of this.#scenario.changes)
      if (nowNs >= change.atS * NS_PER_S) ({ factor } = change);
    return factor;
  }

  #least(): number {
    const { model, asymmetry, changes } = this.#scenario;
    const share = model === "coordinates" ? LAST_MILE : 1;
    const base =
      model === "matrix"
        ? this.#matrix.reduce((least, row) => Math.min(least, leastOf(row)), Infinity) * NS_PER_MS
        : this.#baseNs * share;
    const factor = Math.min(1, ...changes.map((change) => change.factor));
    const least = Math.max(1, Math.floor(base * (1 - asymmetry) * factor));
    // All of one site: it is on both threads.
    return this.#sites?.count === 1 ? Math.min(this.#lanNs, least) : least;
  }
}

const LAST_MILE = 0.1;

/** By steps: a call takes as many arguments as fit on the stack, and a matrix has more. */
function leastOf(row: Float64Array): number {
  return row.reduce((least, delay) => Math.min(least, delay), Infinity);
}
