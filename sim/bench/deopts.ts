/** A gate against V8's deoptimisations: one loop of them made a run 6.5 times as slow once. */
import { createFigure } from "../../platform/bench/figure.ts";
import type { Figure } from "../../platform/bench/figure.ts";
import { ownScenario } from "../io/own-scenarios.ts";
import type { SimSection } from "./section.ts";

/** In one run; some 30 to 45 are code that was compiled before all of its cases were seen. */
export const DEOPTS_MAX = 100;

const RUNS = [
  ["Kademlia 10,000", "fig-2.1b"],
  ["Chord 10,000", "fig-2.1a"],
] as const;

export const deopts: SimSection = {
  name: "deopts",
  summary: "V8's deoptimisations in a run of each protocol",
  isLong: false,
  async run(bench) {
    const figures: Figure[] = [];
    for (const [name, file] of RUNS)
      figures.push(deoptFigure(name, await bench.traceDeopts(await ownScenario(file))));
    return { figures, tables: [] };
  },
};

/** @param functions  those that were deoptimised, once for each time */
export function deoptFigure(name: string, functions: readonly string[]): Figure {
  const counts = Map.groupBy(functions, (one) => one);
  const [most] = [...counts].toSorted(([, a], [, b]) => b.length - a.length);
  return createFigure({
    ...{ section: "deopts", name: `${name}: deoptimisations`, unit: "count", n: 1 },
    ...{ bar: DEOPTS_MAX, measured: functions.length },
    note: most === undefined ? "" : `most: ${most[0]}, ${most[1].length} times`,
  });
}
