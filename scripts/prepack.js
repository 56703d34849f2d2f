/**
 * `npm pack`: writes `dist/`, the program as JavaScript, because Node strips no types inside
 * node_modules.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ROOT, environment } from "./install.js";

/** Folders of the program; those that are not there yet are no error. */
const FOLDERS = [
  "platform",
  "packets",
  "overlay",
  "switching",
  "bridge",
  "services",
  "replication",
  "modules",
  "sim",
  "daemon",
];

const dist = join(ROOT, "dist");
rmSync(dist, { recursive: true, force: true });
const { status } = spawnSync("npx", ["tsc", "-p", join(ROOT, "scripts/tsconfig.dist.json")], {
  cwd: ROOT,
  env: environment(true),
  // npm pack prints its result to standard output.
  stdio: ["ignore", 2, 2],
});
if (status !== 0) process.exit(1);
for (const folder of FOLDERS.filter((name) => existsSync(join(ROOT, name))))
  cpSync(join(ROOT, folder), join(dist, folder), {
    recursive: true,
    filter: (path) => !path.endsWith(".ts"),
  });
