/** Files that a simulation leaves: whole, or not there. */
import { mkdir, open, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { ConfigError, errorCode, errorMessage } from "../../platform/errors.ts";
import { SimulationError } from "../errors.ts";

/** Pieces of a text are for what may be longer than a string. */
type Content = string | Uint8Array | Iterable<string>;

/**
 * Writes beside it, flushes to disk, and renames into place; several processes may do so at once.
 *
 * What is no ordinary file, as `/dev/stdout`, is written to as it stands.
 *
 * @throws {SimulationError} ERR_SIM_DISK_FULL, with nothing left behind
 * @throws {ConfigError} when there is no such place, or it may not be written
 */
export async function writeOutput(path: string, data: Content): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  try {
    if (await isSpecial(path)) return await writeFile(path, data);
    await writeFlushed(part, data);
    await rename(part, path);
    await flushDirectory(dirname(path));
  } catch (error) {
    await rm(part, { force: true }).catch(() => undefined);
    throw writeFailure(path, error);
  }
}

async function isSpecial(path: string): Promise<boolean> {
  try {
    return !(await stat(path)).isFile();
  } catch {
    return false;
  }
}

async function writeFlushed(path: string, data: Content): Promise<void> {
  await using handle = await open(path, "w", 0o644);
  await handle.writeFile(data);
  await handle.sync();
}

/** A name that is not on disk is lost with the power; not every file system knows how. */
async function flushDirectory(path: string): Promise<void> {
  try {
    await using handle = await open(path, "r");
    await handle.sync();
  } catch (error) {
    if (!["EINVAL", "EISDIR", "EPERM", "EACCES"].includes(errorCode(error) ?? "")) throw error;
  }
}

/** The error to throw when a file cannot be written. */
export function writeFailure(path: string, error: unknown): Error {
  const code = errorCode(error) ?? "";
  if (code === "ENOSPC" || code === "EDQUOT")
    return new SimulationError(
      "ERR_SIM_DISK_FULL",
      `no room left for ${path}; what was finished is kept; make room and run the same again`,
      { cause: error },
    );
  if (["ENOENT", "ENOTDIR", "EACCES", "EPERM", "EROFS", "EISDIR"].includes(code))
    return new ConfigError(path, `cannot be written: ${errorMessage(error)}`, { cause: error });
  return new SimulationError("ERR_SIM_FILE", `${path} cannot be written: ${errorMessage(error)}`, {
    cause: error,
  });
}

/** @throws {ConfigError} when it cannot be made */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    if (errorCode(error) === "ENOSPC") throw writeFailure(path, error);
    throw new ConfigError(path, `cannot be made: ${errorMessage(error)}`, { cause: error });
  }
}
