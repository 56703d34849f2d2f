/**
 * What the start and test scripts need before they can run: the packages of the lock file.
 *
 * Plain JavaScript, because it runs on whatever Node the system has (20 or newer).
 */
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const OWN_NODE = join(ROOT, "node_modules/node/bin");

/** Whether node_modules is missing, unfinished, or older than the lock file. */
function isStale() {
  const installed = join(ROOT, "node_modules/.package-lock.json");
  if (!existsSync(installed) || !existsSync(join(OWN_NODE, "node"))) return true;
  return statSync(installed).mtimeMs < statSync(join(ROOT, "package-lock.json")).mtimeMs;
}

/** The environment with the package's own Node first on PATH, or without any of node_modules. */
export function environment(withOwnNode) {
  const paths = (process.env.PATH ?? "").split(delimiter);
  const outside = paths.filter((path) => !path.includes("node_modules"));
  const PATH = (withOwnNode ? [OWN_NODE, ...outside] : outside).join(delimiter);
  return { ...process.env, PATH };
}

/**
 * Runs `npm ci` when it is due. Its output goes to standard error, since ours may be read by a
 * program.
 *
 * @returns {boolean} false when it failed; npm has said why
 */
export function installPackages() {
  if (!isStale()) return true;
  process.stderr.write("installing packages (npm ci) ...\n");
  // npm would delete the Node it runs on, were it the one in node_modules.
  const { status, error } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], {
    cwd: ROOT,
    env: environment(false),
    stdio: ["ignore", 2, 2],
  });
  if (error !== undefined) process.stderr.write(`npm cannot be run: ${error.message}\n`);
  return status === 0;
}
