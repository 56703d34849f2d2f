/** How the daemon is bundled, for the bundle that users run and for the variants that tests make. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./install.js";

/** esbuild's options for a bundle in that directory. */
export function bundleOptions(outdir) {
  return {
    entryPoints: [join(ROOT, "daemon/main.ts")],
    outdir,
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
  };
}

/** The schema is read beside the code's folder, and has the same place beside the bundle's. */
export function copySchema(outdir) {
  cpSync(join(ROOT, "overlay/schema/peer.proto"), join(outdir, "../peer.proto"));
}
