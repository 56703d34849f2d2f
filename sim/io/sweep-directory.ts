/** A sweep's directory: `sweep.json` says which it is, `points/KEY.json` are the finished points. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError, errorCode, errorMessage } from "../../platform/errors.ts";
import { SimulationError } from "../errors.ts";
import { parseResult } from "../results/result-file.ts";
import type { SimulationResult } from "../results/result.ts";
import { parsePlan, renderPlan } from "../sweep/plan-file.ts";
import { isOfPoint, refuseOtherSweep } from "../sweep/sweep-plan.ts";
import type { SweepPlan, SweepPoint } from "../sweep/sweep-plan.ts";
import { makeDirectory, writeOutput } from "./output-files.ts";

/**
 * Makes the directory, or goes on with what is there.
 *
 * @throws {ConfigError} when it holds another sweep
 */
export async function openSweep(directory: string, plan: SweepPlan): Promise<void> {
  const file = planFile(directory);
  const before = await readIfThere(file);
  if (before !== null) refuseOtherSweep(directory, parsePlan(before, file), plan);
  await makeDirectory(join(directory, "points"));
  const text = renderPlan(plan);
  if (text !== before) await writeOutput(file, text);
}

/** @throws {ConfigError} when there is no sweep */
export async function readSweep(directory: string): Promise<SweepPlan> {
  const file = planFile(directory);
  const content = await readIfThere(file);
  if (content === null)
    throw new ConfigError(
      directory,
      'holds no sweep; "causeway sim sweep FILE --out DIR" makes one',
    );
  return parsePlan(content, file);
}

/** The point's result; null when it is not finished. */
export async function readPoint(
  directory: string,
  point: SweepPoint,
): Promise<SimulationResult | null> {
  const content = await readIfThere(pointFile(directory, point.key));
  const result = content === null ? null : parseResult(content);
  return result !== null && isOfPoint(result, point) ? result : null;
}

export async function writePoint(
  directory: string,
  { key }: SweepPoint,
  result: SimulationResult,
): Promise<void> {
  await writeOutput(pointFile(directory, key), `${JSON.stringify(result)}\n`);
}

/** The points that are not finished, in their order. */
export async function unfinished(
  directory: string,
  points: readonly SweepPoint[],
): Promise<readonly SweepPoint[]> {
  const missing: SweepPoint[] = [];
  for (const point of points) if ((await readPoint(directory, point)) === null) missing.push(point);
  return missing;
}

function planFile(directory: string): string {
  return join(directory, "sweep.json");
}

function pointFile(directory: string, key: string): string {
  return join(directory, "points", `${key}.json`);
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    if (["ENOTDIR", "EACCES", "EISDIR"].includes(errorCode(error) ?? ""))
      throw new ConfigError(file, `cannot be read: ${errorMessage(error)}`, { cause: error });
    throw new SimulationError("ERR_SIM_FILE", `${file} cannot be read: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}
