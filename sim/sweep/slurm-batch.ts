/** The script that makes an array of Slurm jobs of a sweep. */
import { ConfigError } from "../../platform/errors.ts";
import type { SweepPoint } from "./sweep-plan.ts";

/** Slurm's own bound on an array is 1001 unless the site has raised it. */
const TASKS_MAX = 1000;

export interface Batch {
  readonly command: string;
  readonly directory: string;
  readonly logs: string;
  /** Into how many shares the points are parted. */
  readonly count: number;
  /** Which of them have something to do. */
  readonly shares: readonly number[];
  /** At once. */
  readonly jobs: number;
  /** Processors of one task. */
  readonly threads: number;
}

/** Parts all points by their number, so that a sweep that goes on later parts them alike. */
export function sharesOf(
  all: readonly SweepPoint[],
  unfinished: readonly SweepPoint[],
): { readonly count: number; readonly shares: readonly number[] } {
  const count = Math.min(all.length, TASKS_MAX);
  const left = new Set(unfinished.map(({ key }) => key));
  const shares = all.flatMap(({ key }, i) => (left.has(key) ? [i % count] : []));
  return { count, shares: [...new Set(shares)].toSorted((a, b) => a - b) };
}

/** The points of a share. */
export function pointsOfShare(
  all: readonly SweepPoint[],
  share: number,
  count: number,
): readonly SweepPoint[] {
  return all.filter((_, i) => i % count === share);
}

/**
 * `3/10`: the fourth of ten shares, counted from 0.
 *
 * @throws {ConfigError} on another form
 */
export function parseShare(text: string): { readonly share: number; readonly count: number } {
  const match = /^(\d{1,6})\/(\d{1,6})$/.exec(text);
  const share = Number(match?.[1] ?? NaN);
  const count = Number(match?.[2] ?? NaN);
  if (share < count) return { share, count };
  throw new ConfigError(
    "--share",
    `"${text.slice(0, 40)}" is not allowed; allowed: NUMBER/COUNT, such as 0/10`,
  );
}

export function renderBatch(batch: Batch): string {
  const { command, directory, logs, count, shares, jobs, threads } = batch;
  return [
    "#!/bin/sh",
    "#SBATCH --job-name=causeway-sweep",
    `#SBATCH --array=${ranges(shares)}%${jobs}`,
    `#SBATCH --cpus-per-task=${threads}`,
    `#SBATCH --output=${batchPath(logs)}/%A_%a.log`,
    `exec ${quote(command)} sim point --sweep ${quote(directory)} --share "$SLURM_ARRAY_TASK_ID/${count}"`,
    "",
  ].join("\n");
}

/** `0-3,7`. */
function ranges(numbers: readonly number[]): string {
  const parts: [number, number][] = [];
  for (const number of numbers) {
    const last = parts.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else parts.push([number, number]);
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(",");
}

/** sbatch has no quotes in such lines, and `%` is its own. */
function batchPath(path: string): string {
  if (/[\s"'\\%]/.test(path))
    throw new ConfigError(
      "--out",
      `${path} has a blank, quote or %, with which sbatch cannot deal`,
    );
  return path;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
