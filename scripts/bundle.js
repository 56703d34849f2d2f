/**
 * After `npm ci`, and before `npm pack`: gathers the daemon and its libraries into a few files.
 *
 * Loading a thousand small modules takes the daemon 0.3 s and 20 MB more. `bin/causeway up` uses
 * the bundle while no source is newer, and the sources else, so that nobody has to think of it.
 */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./install.js";

const OUT = join(ROOT, "dist/bundle");

rmSync(OUT, { recursive: true, force: true });
const { build } = await import("esbuild").catch(() => {
  process.stderr.write("no esbuild (installed without development packages): no bundle made\n");
  process.exit(0);
});
await build({
  entryPoints: [join(ROOT, "daemon/main.ts")],
  outdir: OUT,
  bundle: true,
  splitting: true, // a command loads what it needs, as from the sources
  platform: "node",
  target: "node26",
  format: "esm",
  external: ["classic-level", "koffi"], // they bring binaries
  // Libraries in CommonJS call `require`, which an ES module does not have.
  banner: {
    js: 'import { createRequire as $createRequire } from "node:module"; const require = $createRequire(import.meta.url);',
  },
  logLevel: "warning",
});
// The schema is read beside the code's folder, and has the same place beside the bundle's.
cpSync(join(ROOT, "overlay/schema/peer.proto"), join(ROOT, "dist/peer.proto"));
