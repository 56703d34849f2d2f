/** What miniupnpd answers, by name. */
import { readFileSync } from "node:fs";

const FILE = new URL("../../golden/mapping/miniupnpd-2.3.1.txt", import.meta.url);

export function goldenAnswers(): ReadonlyMap<string, Uint8Array> {
  const lines = readFileSync(FILE, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split("\t"));
  return new Map(lines.map(([name, hex]) => [name!, new Uint8Array(Buffer.from(hex!, "hex"))]));
}

export function golden(name: string): Uint8Array {
  const bytes = goldenAnswers().get(name);
  if (bytes === undefined) throw new Error(`no golden answer ${name}`);
  return bytes;
}
