/** What becomes of gets: how many find their record, how soon, and over how many nodes. */
import type { Percentiles, RecordsResult } from "../results/result.ts";
import { NS_PER_MS } from "./delay.ts";

export class GetProbes {
  readonly #latenciesNs: number[] = [];
  #finished = 0;
  #hops = 0;

  /** @param hops messages on the way to whoever had it */
  found(latencyNs: number, hops: number): void {
    this.#finished++;
    this.#hops += hops;
    this.#latenciesNs.push(latencyNs);
  }

  failed(): void {
    this.#finished++;
  }

  result(): Pick<RecordsResult, "gets" | "failedGets" | "getHops" | "getLatencyMs"> {
    const found = this.#latenciesNs.length;
    return {
      gets: this.#finished,
      failedGets: this.#finished - found,
      getHops: found === 0 ? null : this.#hops / found,
      getLatencyMs: percentilesOf(Float64Array.from(this.#latenciesNs).sort()),
    };
  }
}

/** @param sorted nanoseconds */
function percentilesOf(sorted: Float64Array): Percentiles | null {
  if (sorted.length === 0) return null;
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1]! / NS_PER_MS;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}
