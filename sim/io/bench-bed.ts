/** What `causeway bench sim` measures with. */
import { cpus, release, totalmem } from "node:os";
import { REFERENCE_PENDING } from "../bench/section.ts";
import type { SimBench } from "../bench/section.ts";
import type { SimulationResult } from "../results/result.ts";
import { measureBareQueue } from "./bare-queue.ts";
import { runInChild, traceDeopts } from "./child-run.ts";

/** Runs at once where their cost does not matter. */
const JOBS = 2;

export function createBench({
  seeds,
  signal,
  progress,
}: Pick<SimBench, "seeds" | "signal" | "progress">): SimBench {
  const queueRate = (pending: number): Promise<number> => {
    signal.throwIfAborted();
    return measureBareQueue(pending);
  };
  return {
    ...{ seeds, signal, progress, queueRate },
    async measure(scenario) {
      const before = await queueRate(REFERENCE_PENDING);
      const result = await runInChild(scenario, signal);
      const after = await queueRate(REFERENCE_PENDING);
      const { cpuS, wallS, rssBytes } = result.run;
      const cost = `${cpuS.toFixed(2)} CPU-s, ${wallS.toFixed(1)} s, ${Math.round(rssBytes / 1e6)} MB`;
      const at = result.convergenceTimeS;
      const end = at === null ? "does not converge" : `converges at ${at} s`;
      progress(`${scenario.protocol} ${scenario.nodes}: ${cost}, ${end}`);
      return { result, queueRate: (before + after) / 2 };
    },
    async runAll(scenarios) {
      const results: SimulationResult[] = [];
      let next = 0;
      const work = async (): Promise<void> => {
        while (next < scenarios.length) {
          const index = next++;
          results[index] = await runInChild(scenarios[index]!, signal);
        }
      };
      await Promise.all(Array.from({ length: JOBS }, work));
      return results;
    },
    traceDeopts: (scenario) => traceDeopts(scenario, signal),
  };
}

/** When and where figures were measured. */
export function aboutMachine() {
  return {
    startedAt: new Date().toISOString(),
    machine: {
      processors: cpus().length,
      model: cpus()[0]?.model ?? "unknown",
      memoryMb: Math.round(totalmem() / 2 ** 20),
      kernel: release(),
      node: process.version,
    },
  };
}

/** Whole seconds since it was made. */
export function stopwatch(): () => number {
  const startedAtMs = performance.now();
  return () => Math.round((performance.now() - startedAtMs) / 1000);
}
