/**
 * After `npm ci`, and before `npm pack`: gathers the daemon and its libraries into a few files.
 *
 * Loading a thousand small modules takes the daemon 0.3 s and 20 MB more. `bin/causeway up` uses
 * the bundle while no source is newer, and the sources else, so that nobody has to think of it.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { bundleOptions, copySchema } from "./bundle-options.js";
import { ROOT } from "./install.js";

const OUT = join(ROOT, "dist/bundle");

rmSync(OUT, { recursive: true, force: true });
const { build } = await import("esbuild").catch(() => {
  process.stderr.write("no esbuild (installed without development packages): no bundle made\n");
  process.exit(0);
});
await build(bundleOptions(OUT));
copySchema(OUT);
