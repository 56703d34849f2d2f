/** YAML that people write: one mapping, with errors that say where. */
import { LineCounter, parseDocument } from "yaml";
import { ConfigError, errorMessage } from "./errors.ts";

/**
 * The mapping that a YAML text holds; an empty one for an empty text.
 *
 * @param file  what errors name
 * @throws {ConfigError} with line and column when it is not YAML, or not a mapping
 */
export function parseYamlMapping(content: string, file: string): object {
  const lineCounter = new LineCounter();
  // Keys that are lists or mappings, nested a few hundred times, take the parser a minute.
  const document = parseDocument(content, { lineCounter, prettyErrors: false, stringKeys: true });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line, col } = lineCounter.linePos(problem.pos[0]);
    throw new ConfigError(`${file}:${line}:${col}`, `not valid YAML: ${problem.message}`);
  }
  let root: unknown;
  try {
    root = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new ConfigError(file, `not usable YAML: ${errorMessage(error)}`, { cause: error });
  }
  if (root === null || root === undefined) return {};
  if (!isMapping(root))
    throw new ConfigError(file, `${showValue(root)} is not a mapping of keys to values`);
  return root;
}

export function isMapping(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as errors show it: one line, at most 80 characters. */
export function showValue(value: unknown): string {
  const shown = inOneLine(value);
  return shown.length > 80 ? `${shown.slice(0, 77)}...` : shown;
}

/** An alias inside of what its anchor names makes a circle, of which JSON knows nothing. */
function inOneLine(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return "a value that holds itself";
  }
}
