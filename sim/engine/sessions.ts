/** How long nodes stay and stay away. */
import type { ChurnScenario } from "../scenario/scenario.ts";
import { NS_PER_S } from "./delay.ts";
import { streamKey, STREAM, unit } from "./dice.ts";
import {
  exponentialQuantiles,
  quantileAt,
  shiftedParetoQuantiles,
  weibullQuantiles,
  type Quantiles,
} from "./quantiles.ts";

export class Sessions {
  readonly #table: Quantiles | undefined;
  readonly #key: number;
  readonly #scenario: ChurnScenario;

  constructor(scenario: ChurnScenario, seed: number) {
    this.#scenario = scenario;
    this.#key = streamKey(seed, STREAM.churn);
    const { model, shape } = scenario;
    if (model === "exponential") this.#table = exponentialQuantiles();
    else if (model === "weibull") this.#table = weibullQuantiles(shape);
    else if (model === "pareto") this.#table = shiftedParetoQuantiles(shape);
  }

  /** When a node that comes up now leaves; Infinity for never. @param epoch its count of comings */
  leavesAtNs(node: number, epoch: number, nowNs: number): number {
    if (this.#table === undefined) return Infinity;
    const { sessionS, startS } = this.#scenario;
    const stay = this.#draw(sessionS, node, 2 * epoch);
    return Math.max(nowNs, startS * NS_PER_S) + stay;
  }

  /** How long a node that leaves now stays away. */
  absenceNs(node: number, epoch: number): number {
    return this.#draw(this.#scenario.absenceS, node, 2 * epoch + 1);
  }

  #draw(meanS: number, node: number, counter: number): number {
    const factor = quantileAt(this.#table!, unit(this.#key, node, counter));
    return Math.max(1, Math.floor(meanS * NS_PER_S * factor));
  }
}
