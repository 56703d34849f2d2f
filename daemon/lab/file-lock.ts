/** A lock that the kernel gives back when its holder dies: `flock` on a file. */
import { closeSync, fstatSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import koffi from "koffi";
import { LabError } from "./errors.ts";

const LOCK_EXCLUSIVE_AT_ONCE = 2 | 4;
const WAIT_MS = 10_000;

const flock = koffi.load(null).func("int flock(int, int)") as (fd: number, how: number) => number;

/**
 * Runs `work` while no other process does so under the same path.
 *
 * @throws {LabError} ERR_LAB_BUSY after 10 s
 */
export async function underLock<T>(path: string, work: () => Promise<T> | T): Promise<T> {
  const until = performance.now() + WAIT_MS;
  for (;;) {
    mkdirSync(dirname(path), { recursive: true });
    const fd = openSync(path, "a");
    try {
      if (flock(fd, LOCK_EXCLUSIVE_AT_ONCE) === 0 && isStillThere(path, fd)) return await work();
    } finally {
      closeSync(fd);
    }
    if (performance.now() > until)
      throw new LabError(
        "ERR_LAB_BUSY",
        `another process holds ${path}; try again when it is done`,
      );
    await sleep(20);
  }
}

/** Whoever held the lock before may have removed the file: then others lock a new one. */
function isStillThere(path: string, fd: number): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  return there !== undefined && there.ino === fstatSync(fd).ino;
}
