/** A result as it stands in a file, read again. */
import { isMapping } from "../../platform/yaml.ts";
import type { SimulationResult } from "./result.ts";

/**
 * The result that a file or a line holds.
 *
 * Whoever looks for that of a certain point compares its key too: a result says by its own scenario
 * what it is of.
 *
 * @returns null unless it is a whole one
 */
export function parseResult(content: string): SimulationResult | null {
  let root: unknown;
  try {
    root = JSON.parse(content);
  } catch {
    return null;
  }
  if (!isMapping(root)) return null;
  const { version, scenario, samples, traceHash, run } = root as Readonly<Record<string, unknown>>;
  const isWhole =
    typeof version === "string" &&
    typeof traceHash === "string" &&
    Array.isArray(samples) &&
    isMapping(scenario) &&
    isMapping(run);
  return isWhole ? (root as SimulationResult) : null;
}
