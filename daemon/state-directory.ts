/**
 * The directory that holds a host's keys, certificates and records.
 *
 * A marker file makes it ours, so that nothing is ever written into, or wiped from, a directory
 * that somebody named by mistake. A kernel lock makes it one daemon's at a time.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { errorCode, errorMessage } from "../platform/errors.ts";
import { DaemonError } from "./errors.ts";

const MARKER_FILE = "state-version";
const VERSION = "1";
const LOCK_FILE = "daemon.lock";
const HOLDER_FILE = "daemon.pid";

/** A state directory that no other process may open until it is closed, or this process ends. */
export interface StateDirectory {
  readonly path: string;
  /** Deletes everything in it, and the directory itself where that is possible; then closes. */
  wipe(): void;
  close(): void;
}

/**
 * Opens and locks a state directory; makes it, with mode 0750, when it is not there.
 *
 * @param groupId  who else may read it; `undefined` leaves the group as it is
 * @throws {DaemonError} ERR_DAEMON_STATE when it is not ours or not usable, ERR_DAEMON_RUNNING when
 *   another process has it
 */
export function openStateDirectory(path: string, groupId?: number): StateDirectory {
  try {
    makeDirectory(path, groupId);
    return lockDirectory(path);
  } catch (error) {
    if (error instanceof DaemonError) throw error;
    throw new DaemonError(
      "ERR_DAEMON_STATE",
      `the state directory ${path} cannot be used: ${errorMessage(error)}; choose another with --state`,
      { cause: error },
    );
  }
}

/** Whether `path` was once made by `openStateDirectory`. */
export function isStateDirectory(path: string): boolean {
  return existsSync(join(path, MARKER_FILE));
}

function makeDirectory(path: string, groupId: number | undefined): void {
  const isNew = mkdirSync(path, { recursive: true, mode: 0o750 }) !== undefined;
  if (!isStateDirectory(path)) {
    if (readdirSync(path).length > 0)
      throw new DaemonError(
        "ERR_DAEMON_STATE",
        `${path} holds files that are not Causeway's; choose an empty or new directory with --state`,
      );
    writeFileSync(join(path, MARKER_FILE), `${VERSION}\n`, { mode: 0o640 });
  }
  const version = readFileSync(join(path, MARKER_FILE), "utf8").trim();
  if (version !== VERSION)
    throw new DaemonError(
      "ERR_DAEMON_STATE",
      `${path} has state version "${version.slice(0, 20)}", this program reads ${VERSION}; update it, or start anew with "causeway leave --forget"`,
    );
  // mkdir's mode is cut by the umask, which may be anything.
  if (isNew) chmodSync(path, 0o750);
  if (groupId !== undefined) chownSync(path, -1, groupId);
}

/**
 * Takes the lock through SQLite, whose file lock is the one kernel lock that Node gives us: it is
 * gone with its process, however that ends, and holds across namespaces, unlike a process id.
 */
function lockDirectory(path: string): StateDirectory {
  const holder = join(path, HOLDER_FILE);
  const database = new DatabaseSync(join(path, LOCK_FILE), { timeout: 0 });
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (!/locked/.test(errorMessage(error))) throw error;
    throw new DaemonError(
      "ERR_DAEMON_RUNNING",
      `a daemon already runs on the state directory ${path}${readHolder(holder)}; stop it with "causeway down", or choose another directory with --state`,
      { cause: error },
    );
  }
  writeFileSync(holder, `${process.pid}\n`, { mode: 0o640 });
  const close = (): void => {
    if (!database.isOpen) return;
    rmSync(holder, { force: true });
    database.close();
  };
  return {
    path,
    close,
    wipe() {
      const names = existsSync(path) ? readdirSync(path) : [];
      for (const name of names)
        if (name !== MARKER_FILE) rmSync(join(path, name), { recursive: true, force: true });
      // Last, so that a wipe cut short can be done again.
      rmSync(join(path, MARKER_FILE), { force: true });
      close();
      removeEmpty(path);
    },
  };
}

/** A mount point, or a directory of a parent we may not write, stays; it is empty then. */
function removeEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    const code = errorCode(error) ?? "";
    if (!["ENOENT", "EBUSY", "EACCES", "EPERM", "EROFS", "ENOTEMPTY"].includes(code)) throw error;
  }
}

function readHolder(file: string): string {
  try {
    return ` (process ${Number.parseInt(readFileSync(file, "utf8"), 10)})`;
  } catch {
    return "";
  }
}
