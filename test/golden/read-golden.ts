/** What other implementations sent, from the files of this folder. */
import { readFileSync } from "node:fs";
import { fromHex } from "../../platform/bytes.ts";

/**
 * Reads a file of lines with a name, a tab and bytes as hex; `#` begins a comment.
 *
 * @param file below this folder, such as `mdns/avahi-0.8.txt`
 * @returns bytes by what they are, in the file's order
 */
export function readGolden(file: string): ReadonlyMap<string, Uint8Array> {
  const rows = readFileSync(new URL(file, import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split("\t"));
  return new Map(rows.map(([name, hex]) => [name!, fromHex(hex!)]));
}
