/**
 * Points of a sweep through GNU parallel, on this machine and on others by ssh.
 *
 * Each job has its scenario on standard input and prints its result, so that hosts share no files
 * with us; they need causeway of the same version.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { SimulationError } from "../errors.ts";
import { parseResult } from "../results/result-file.ts";
import type { SweepWork } from "../sweep/sweep-engine.ts";
import { pointKey } from "../sweep/sweep-plan.ts";
import type { SweepPoint } from "../sweep/sweep-plan.ts";
import { programError } from "./child-program.ts";
import { ownLauncher } from "./own-program.ts";

export interface ParallelHosts {
  /** Of `--sshloginfile`; null for this machine alone. */
  readonly hostsFile: string | null;
  /** How hosts start causeway; null: as this machine does, or `causeway` on others. */
  readonly command: string | null;
}

export async function runInParallel(work: SweepWork, hosts: ParallelHosts): Promise<void> {
  const child = spawn("parallel", parallelArguments(work, hosts), {
    stdio: ["pipe", "pipe", "inherit"],
  });
  // Once it starts no more jobs, twice it ends those at work.
  const end = (): void => {
    child.kill("SIGTERM");
    child.kill("SIGTERM");
  };
  work.signal.addEventListener("abort", end);
  child.stdin.on("error", () => undefined);
  child.stdin.end(work.points.map(({ scenario }) => `${JSON.stringify(scenario)}\n`).join(""));
  const ended = once(child, "close") as Promise<[number | null]>;
  const failed = ended.catch((error: unknown) => programError("parallel", error));
  try {
    const left = await keepResults(work, createInterface({ input: child.stdout }));
    const outcome = await failed;
    if (outcome instanceof Error) throw outcome;
    if (work.signal.aborted) return;
    if (left.length === work.points.length && outcome[0] === 255)
      throw new SimulationError(
        "ERR_SIM_ENGINE",
        "parallel could not start; what it said is above",
      );
    for (const point of left) work.onFailure(point, "gave no result; what it said is above");
  } finally {
    work.signal.removeEventListener("abort", end);
    if (child.exitCode === null) end();
  }
}

function parallelArguments(work: SweepWork, { hostsFile, command }: ParallelHosts): string[] {
  const program = command ?? (hostsFile === null ? ownLauncher() : "causeway");
  return [
    ...["--plain", "--will-cite", "--pipe", "-N1", "--jobs", String(work.jobs)],
    ...(hostsFile === null ? [] : ["--sshloginfile", hostsFile]),
    `${program} sim point`,
  ];
}

/** @returns the points of which nothing was heard */
async function keepResults(
  work: SweepWork,
  lines: AsyncIterable<string>,
): Promise<readonly SweepPoint[]> {
  const left = new Map(work.points.map((point) => [point.key, point]));
  for await (const line of lines) {
    const result = parseResult(line);
    const point = result === null ? undefined : left.get(pointKey(result.scenario, result.version));
    if (point === undefined || result === null) {
      const origin = result === null ? line.slice(0, 200) : `${result.run.host}, ${result.version}`;
      work.onNote(`not a result of this sweep, or of another version: ${origin}`);
      continue;
    }
    left.delete(point.key);
    await work.onResult(point, result);
  }
  return [...left.values()];
}
