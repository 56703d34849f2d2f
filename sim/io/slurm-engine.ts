/**
 * Points of a sweep as an array of Slurm jobs.
 *
 * The sweep's directory must be one that the cluster's nodes share, as the program must; each job
 * writes its results there. sbatch reads further options from its own environment
 * (`SBATCH_PARTITION`, `SBATCH_ACCOUNT`, `SBATCH_TIMELIMIT`).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { SimulationError } from "../errors.ts";
import { renderBatch, sharesOf } from "../sweep/slurm-batch.ts";
import type { SweepWork } from "../sweep/sweep-engine.ts";
import type { SweepPoint } from "../sweep/sweep-plan.ts";
import { lastLine, runProgram } from "./child-program.ts";
import { makeDirectory } from "./output-files.ts";
import { ownLauncher } from "./own-program.ts";
import { readPoint } from "./sweep-directory.ts";

const POLL_MS = 2000;

export async function runWithSlurm(work: SweepWork): Promise<void> {
  const logs = join(work.directory, "slurm");
  await makeDirectory(logs);
  const { count, shares } = sharesOf(work.allPoints, work.points);
  const batch = renderBatch({
    command: ownLauncher(),
    directory: work.directory,
    logs,
    count,
    shares,
    jobs: work.jobs,
    threads: Math.max(...work.points.map(({ scenario }) => scenario.threads)),
  });
  const job = await submit(batch);
  work.onNote(`Slurm job ${job}: ${shares.length} of its tasks, logs in ${logs}`);
  const left = await follow(job, work);
  if (work.signal.aborted) {
    await runProgram("scancel", [job], "", null);
    return;
  }
  for (const point of left) work.onFailure(point, `gave no result; see ${logs}/${job}_*.log`);
}

/** @returns the job's number */
async function submit(batch: string): Promise<string> {
  const { status, stdout, stderr } = await runProgram("sbatch", ["--parsable"], batch, null);
  const [job = ""] = stdout.trim().split(";");
  if (status === 0 && /^\d+$/.test(job)) return job;
  throw new SimulationError("ERR_SIM_ENGINE", `sbatch refused: ${lastLine(stderr) || stdout}`);
}

/** Hands over results as they appear, until Slurm knows the job no more. */
async function follow(job: string, work: SweepWork): Promise<readonly SweepPoint[]> {
  let left = work.points;
  let isAtWork = true;
  while (left.length > 0 && isAtWork && !work.signal.aborted) {
    await sleep(POLL_MS, undefined, { signal: work.signal }).catch(() => undefined);
    // Asked before the files are looked at: what ended meanwhile has written all of its own.
    isAtWork = await isQueued(job);
    const still: SweepPoint[] = [];
    for (const point of left) {
      const result = await readPoint(work.directory, point);
      if (result === null) still.push(point);
      else await work.onResult(point, result);
    }
    left = still;
  }
  return left;
}

async function isQueued(job: string): Promise<boolean> {
  const { status, stdout, stderr } = await runProgram(
    "squeue",
    ["--noheader", "--jobs", job, "--format", "%T"],
    "",
    null,
  );
  if (status === 0) return stdout.trim() !== "";
  // A job that ended some minutes ago is forgotten; anything else may be over soon.
  return !/invalid job id/i.test(stderr);
}
