/** The version of this program, from the package's own manifest. */
import { readFileSync } from "node:fs";

/** Two levels up in a clone and from the bundle, three in the published package, below `dist/`. */
const MANIFESTS = ["../../package.json", "../../../package.json"];

export function readVersion(): string {
  for (const path of MANIFESTS) {
    try {
      const manifest = JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as {
        readonly name?: unknown;
        readonly version?: unknown;
      };
      if (manifest.name === "causeway" && typeof manifest.version === "string")
        return manifest.version;
    } catch {
      // The next place has it, or nobody does.
    }
  }
  return "unknown";
}
