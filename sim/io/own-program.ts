/** How this program starts itself again. */
import { existsSync } from "node:fs";
import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";

/** Program and first arguments; with `sim …` after them it is us. */
export function ownProgram(): readonly [string, ...string[]] {
  const main = fileURLToPath(new URL(`../main.${EXTENSION}`, import.meta.url));
  return [process.execPath, ...process.execArgv, main];
}

/** Our environment, and the compiled code that the launcher keeps; half of a short run is compiling. */
export function ownEnvironment(): NodeJS.ProcessEnv {
  // Node keeps it below the directory that it was given.
  const cache = getCompileCacheDir();
  return cache === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: dirname(cache) };
}

/** The launcher that users call, in a clone or in the published package. */
export function ownLauncher(): string {
  const places = ["../../bin/causeway", "../../../bin/causeway"].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  return places.find((path) => existsSync(path)) ?? "causeway";
}
