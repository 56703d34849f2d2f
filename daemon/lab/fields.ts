/** Values of a lab's file as they come from YAML, checked one by one. */
import { ConfigError } from "../../platform/errors.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** @throws {ConfigError} unless it is a mapping that has these keys and no others */
export function asFields(path: string, given: unknown, allowed: readonly string[]): Fields {
  const list = allowed.join(", ");
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new ConfigError(path, `${shown(given)} must be a mapping with ${list}`);
  const unknown = Object.keys(given).find((key) => !allowed.includes(key));
  if (unknown !== undefined)
    throw new ConfigError(`${path}.${unknown}`, `no such key; allowed: ${list}`);
  return given as Fields;
}

/** @throws {ConfigError} */
export function asBoolean(path: string, given: unknown): boolean {
  if (typeof given === "boolean") return given;
  throw new ConfigError(path, `${shown(given)} must be true or false`);
}

/** A value as messages quote it. */
export function shown(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "nothing";
  } catch {
    return "a value that holds itself"; // an alias inside of what its anchor names
  }
}
