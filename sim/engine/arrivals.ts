/** When each node arrives. */
import type { Scenario } from "../scenario/scenario.ts";
import { NS_PER_S } from "./delay.ts";
import { streamKey, STREAM, unit } from "./dice.ts";
import { quantileAt, truncatedNormalQuantiles } from "./quantiles.ts";

/** Of the time between two arrivals, as a share of its mean (OverSim's "truncnormal(mean, mean / 3)"). */
const DEVIATION = 1 / 3;

/**
 * Nanoseconds, in the order of handles and of time; Infinity for who does not come in that time.
 *
 * Node 0 is there at 0. A flash crowd comes beside the others.
 */
export function arrivalTimes(scenario: Scenario): Float64Array {
  const { nodes, rate, seed, durationS } = scenario;
  const { flashCrowd } = scenario.churn;
  const crowd = Math.min(flashCrowd?.nodes ?? 0, nodes - 1);
  const times = new Float64Array(nodes);
  const table = truncatedNormalQuantiles(DEVIATION);
  const key = streamKey(seed, STREAM.arrival);
  let usualNs = 0;
  for (let node = 1; node < nodes - crowd; node++) {
    usualNs += between(node, rate);
    times[node] = usualNs;
  }
  let crowdNs = (flashCrowd?.atS ?? 0) * NS_PER_S;
  for (let node = nodes - crowd; node < nodes; node++) {
    crowdNs += between(node, flashCrowd?.rate ?? rate);
    times[node] = crowdNs;
  }
  times.sort();
  const endNs = durationS * NS_PER_S;
  return times.map((timeNs) => (timeNs < endNs ? timeNs : Infinity));

  function between(node: number, perSecond: number): number {
    return Math.floor((NS_PER_S / perSecond) * quantileAt(table, unit(key, node, 0)));
  }
}
