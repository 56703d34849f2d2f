/** Where targets write files: in memory where the machine has such a place, one per process. */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
const PATH = join(ROOT, `causeway-fuzz-${process.pid}`);

export function scratchDirectory(): string {
  mkdirSync(PATH, { recursive: true, mode: 0o700 });
  return PATH;
}

/** For the thread that outlives the workers. */
export function removeScratch(): void {
  rmSync(PATH, { recursive: true, force: true });
}
