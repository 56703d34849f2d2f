/** Files that the user names: scenarios, sweeps, matrices and traces. */
import { open, readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { ConfigError, errorMessage } from "../../platform/errors.ts";
import { parseScenarioText } from "../scenario/assignments.ts";
import type { Assignment } from "../scenario/assignments.ts";
import { parseChurnTrace } from "../scenario/churn-trace.ts";
import { parseDelayMatrix } from "../scenario/delay-matrix.ts";
import type { ScenarioInputs } from "../scenario/inputs.ts";
import type { Scenario } from "../scenario/scenario.ts";

const SCENARIO_BYTES_MAX = 256 * 1024;
const INPUT_BYTES_MAX = 256 * 1024 ** 2;

/** @throws {ConfigError} when it cannot be read, is not YAML, or says what nobody knows */
export async function readScenarioFile(file: string): Promise<readonly Assignment[]> {
  return parseScenarioText(await readScenarioText(file), file);
}

/** @throws {ConfigError} when it cannot be read, or is too long */
export function readScenarioText(file: string): Promise<string> {
  return readText(file, file, SCENARIO_BYTES_MAX);
}

/**
 * Reads and checks the matrix and the trace that a scenario names.
 *
 * @throws {ConfigError} with the field, the file and the line
 */
export async function readInputs({ nodes, delay, churn }: Scenario): Promise<ScenarioInputs> {
  const { matrixFile } = delay;
  const { traceFile } = churn;
  const matrix =
    delay.model === "matrix" && matrixFile !== null
      ? parseDelayMatrix(await readInput("delay.matrixFile", matrixFile), matrixFile)
      : [];
  const churnTrace =
    churn.model === "trace" && traceFile !== null
      ? parseChurnTrace(await readInput("churn.traceFile", traceFile), traceFile, nodes)
      : [];
  return { matrix, churnTrace };
}

function readInput(field: string, file: string): Promise<string> {
  return readText(`${field}: ${file}`, file, INPUT_BYTES_MAX);
}

async function readText(where: string, file: string, bytesMax: number): Promise<string> {
  let bytes: number;
  try {
    await using handle = await open(file);
    bytes = (await handle.stat()).size;
    if (bytes <= bytesMax) return await readFile(handle, "utf8");
  } catch (error) {
    throw new ConfigError(where, `cannot be read: ${errorMessage(error)}`, { cause: error });
  }
  throw new ConfigError(where, `has ${bytes} bytes; at most ${bytesMax} are read`);
}

export function readStandardInput(): Promise<string> {
  return text(process.stdin);
}
