/** Plots of what simulations found. */
import { CONVERGED } from "../results/convergence.ts";
import type { SimulationResult } from "../results/result.ts";
import type { LinePlot, PlotPoint, Series } from "./line-plot.ts";
import { meanInterval } from "./student.ts";

const CONVERGED_LINE = { y: CONVERGED, label: "95 %: converged" } as const;

/** Runs of one scenario that differ in their seed alone. */
export interface RunGroup {
  readonly name: string;
  readonly results: readonly SimulationResult[];
}

/** Delivery over time, believed and correct, of one group. */
export function deliveryPlot({ name, results }: RunGroup): LinePlot {
  return overTime(name, [
    { name: "believed delivery", points: samplePoints(results, "believedDelivery") },
    { name: "correct delivery", points: samplePoints(results, "correctDelivery") },
  ]);
}

/** Believed delivery over time, a line for each group. */
export function deliveriesPlot(title: string, groups: readonly RunGroup[]): LinePlot {
  return overTime(
    title,
    groups.map(({ name, results }) => ({
      name,
      points: samplePoints(results, "believedDelivery"),
    })),
  );
}

function overTime(title: string, series: readonly Series[]): LinePlot {
  return {
    title,
    xLabel: "simulated time (s)",
    yLabel: "delivered / sent",
    xScale: "linear",
    xHas: [0],
    yHas: [0, 1],
    series,
    mark: CONVERGED_LINE,
  };
}

/** The mean over the runs at each sample's end; samples that only some runs have count all the same. */
function samplePoints(
  results: readonly SimulationResult[],
  key: "believedDelivery" | "correctDelivery",
): readonly PlotPoint[] {
  const values = new Map<number, number[]>();
  for (const { samples } of results)
    for (const sample of samples) {
      const value = sample[key];
      if (value === null) continue;
      const known = values.get(sample.timeS);
      if (known === undefined) values.set(sample.timeS, [value]);
      else known.push(value);
    }
  return pointsOf([...values].toSorted(([a], [b]) => a - b));
}

/** Points from the values that were found at each `x`. */
export function pointsOf(
  columns: readonly (readonly [number, readonly number[]])[],
): readonly PlotPoint[] {
  return columns.flatMap(([x, values]) => {
    const interval = meanInterval(values);
    return interval === null
      ? []
      : [{ x, y: interval.mean, low: interval.low, high: interval.high }];
  });
}
