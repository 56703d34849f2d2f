/** Groups of this machine by name. */
import { readFileSync } from "node:fs";
import { ConfigError, errorMessage } from "../platform/errors.ts";

/**
 * The number of a group of `/etc/group`.
 *
 * @param group  a name or a number; `null` gives `undefined`
 * @throws {ConfigError} when there is none of that name
 */
export function groupId(group: string | null, file = "/etc/group"): number | undefined {
  if (group === null) return undefined;
  if (/^\d{1,9}$/.test(group)) return Number(group);
  let lines: string;
  try {
    lines = readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError("group", `${file} cannot be read: ${errorMessage(error)}`);
  }
  for (const line of lines.split("\n")) {
    const [name, , id] = line.split(":");
    if (name === group && id !== undefined) return Number(id);
  }
  throw new ConfigError("group", `"${group}" is not a group of this machine; see ${file}`);
}
