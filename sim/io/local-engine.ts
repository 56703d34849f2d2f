/** Points of a sweep in processes of this machine, one for each point. */
import { parseResult } from "../results/result-file.ts";
import type { SweepWork } from "../sweep/sweep-engine.ts";
import { isOfPoint } from "../sweep/sweep-plan.ts";
import type { SweepPoint } from "../sweep/sweep-plan.ts";
import { lastLine, runProgram } from "./child-program.ts";
import { ownEnvironment, ownProgram } from "./own-program.ts";

export async function runLocally(work: SweepWork): Promise<void> {
  const waiting = [...work.points];
  // What ends one of the workers, such as a full disk, ends the others.
  const failed = new AbortController();
  const signal = AbortSignal.any([work.signal, failed.signal]);
  const worker = async (): Promise<void> => {
    for (let point = waiting.shift(); point !== undefined; point = waiting.shift()) {
      if (signal.aborted) return;
      try {
        await runPoint(point, work, signal);
      } catch (error) {
        failed.abort();
        throw error;
      }
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: work.jobs }, worker));
  for (const outcome of workers) if (outcome.status === "rejected") throw outcome.reason;
}

async function runPoint(point: SweepPoint, work: SweepWork, signal: AbortSignal): Promise<void> {
  const [program, ...args] = ownProgram();
  const input = `${JSON.stringify(point.scenario)}\n`;
  const { status, stdout, stderr } = await runProgram(
    program,
    [...args, "sim", "point"],
    input,
    signal,
    ownEnvironment(),
  );
  if (signal.aborted) return;
  const result = parseResult(stdout);
  if (result !== null && isOfPoint(result, point)) return work.onResult(point, result);
  work.onFailure(point, lastLine(stderr) || `ended with status ${status}`);
}
