/** Schema texts lie beside the code, in a clone as in the published package. */
import { readFileSync } from "node:fs";

export function readSchema(name: string): string {
  return readFileSync(new URL(`../${name}`, import.meta.url), "utf8");
}
