/** Files that a simulation leaves: whole, or not there. */
import { realpathSync, statSync } from "node:fs";
import { access, constants, mkdir, open, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { ConfigError, errorCode, errorMessage } from "../../platform/errors.ts";
import { SimulationError } from "../errors.ts";

/** Pieces of a text are for what may be longer than a string. */
type Content = string | Uint8Array | Iterable<string>;

/** Streams by name; even where they lead to a file, that is not ours to replace. */
const STREAM = /^\/(?:proc\/|dev\/(?:fd\/|std(?:in|out|err)$))/;

/**
 * Writes beside it, flushes to disk, and renames into place; several processes may do so at once.
 *
 * What is no ordinary file, as `/dev/stdout`, is written to as it stands.
 *
 * @throws {SimulationError} ERR_SIM_DISK_FULL, with nothing left behind
 * @throws {ConfigError} when there is no such place, or it may not be written
 */
export async function writeOutput(path: string, data: Content): Promise<void> {
  const file = ordinaryFile(path);
  if (file === null) return appendTo(path, data);
  const part = partOf(file);
  try {
    await writeFlushed(part, data);
    await rename(part, file);
    await flushDirectory(dirname(file));
  } catch (error) {
    await rm(part, { force: true }).catch(() => undefined);
    throw writeFailure(path, error);
  }
}

async function appendTo(path: string, data: Content): Promise<void> {
  try {
    await writeFile(path, data, { flag: "a" });
  } catch (error) {
    throw writeFailure(path, error);
  }
}

/**
 * Sees whether something can be written there, before a long run finds out after its end.
 *
 * @throws as `writeOutput` does
 */
export async function tryOutput(path: string): Promise<void> {
  const file = ordinaryFile(path);
  try {
    if (file === null) {
      if (await isDirectory(path)) await writeFile(path, ""); // says what is wrong with it
      await access(path, constants.W_OK);
      return;
    }
    const part = partOf(file);
    await writeFile(part, "");
    await rm(part);
  } catch (error) {
    throw writeFailure(path, error);
  }
}

/** The file that a name leads to, or that it will be; null for what is written to as it stands. */
export function ordinaryFile(path: string): string | null {
  if (STREAM.test(path)) return null;
  try {
    const file = realpathSync(path);
    return statSync(file).isFile() ? file : null;
  } catch {
    return path;
  }
}

/** The name of a file until it is whole. */
export function partOf(file: string): string {
  return `${file}.${process.pid}.part`;
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
    await makeWithParents(path);
  } catch (error) {
    if (errorCode(error) === "ENOSPC") throw writeFailure(path, error);
    throw new ConfigError(path, `cannot be made: ${errorMessage(error)}`, { cause: error });
  }
}

/** Node's own recursive one never ends where there is a directory in which none can be made, as in /proc. */
async function makeWithParents(path: string): Promise<void> {
  const parent = dirname(path);
  if (parent !== path && !(await isDirectory(parent))) await makeWithParents(parent);
  try {
    await mkdir(path);
  } catch (error) {
    if (!(await isDirectory(path))) throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
