/** A Unix socket for the local API, and what a crashed daemon left of one. */
import { chmodSync, chownSync, lstatSync, mkdirSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import type { Server } from "node:net";
import { dirname } from "node:path";
import { errorCode, errorMessage } from "../../platform/errors.ts";
import { DaemonError } from "../errors.ts";

/**
 * Fails when somebody listens at `path`, and clears away a socket that nobody serves any more.
 *
 * @throws {DaemonError} ERR_DAEMON_RUNNING, or ERR_DAEMON_SOCKET when the path is something else
 */
export async function claimSocket(path: string): Promise<void> {
  let isSocket: boolean;
  try {
    isSocket = lstatSync(path).isSocket();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    throw unusable(path, error);
  }
  if (!isSocket)
    throw new DaemonError(
      "ERR_DAEMON_SOCKET",
      `${path} exists and is no socket; remove it, or choose another with --socket`,
    );
  if (await isServed(path))
    throw new DaemonError(
      "ERR_DAEMON_RUNNING",
      `a daemon already runs at ${path}; stop it with "causeway down", or choose another with --socket`,
    );
  try {
    unlinkSync(path);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw unusable(path, error);
  }
}

/**
 * Listens at `path`: mode 0660, since connecting takes the right to write, in a directory that is
 * made with 0750 if it is missing.
 *
 * @throws {DaemonError} ERR_DAEMON_SOCKET or ERR_DAEMON_RUNNING
 */
export async function listenOnSocket(
  server: Server,
  path: string,
  groupId: number | undefined,
): Promise<void> {
  try {
    const directory = dirname(path);
    if (mkdirSync(directory, { recursive: true, mode: 0o750 }) !== undefined) {
      chmodSync(directory, 0o750);
      if (groupId !== undefined) chownSync(directory, -1, groupId);
    }
    await listen(server, path);
    if (groupId !== undefined) chownSync(path, -1, groupId);
    chmodSync(path, 0o660);
  } catch (error) {
    server.close();
    throw unusable(path, error);
  }
}

async function listen(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  // The socket is bound inside listen(), so it never exists with a wider mode than its owner's.
  const umask = process.umask(0o177);
  try {
    server.listen(path, resolve);
  } finally {
    process.umask(umask);
  }
  await promise;
  server.off("error", reject);
}

/** Whether somebody accepts connections at `path`; one that may not be asked counts as served. */
async function isServed(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.once("connect", () => resolve(true));
  socket.once("error", (error) =>
    resolve(!["ECONNREFUSED", "ENOENT"].includes(errorCode(error) ?? "")),
  );
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

function unusable(path: string, error: unknown): DaemonError {
  if (error instanceof DaemonError) return error;
  if (errorCode(error) === "EADDRINUSE")
    return new DaemonError("ERR_DAEMON_RUNNING", `a daemon already runs at ${path}`, {
      cause: error,
    });
  return new DaemonError(
    "ERR_DAEMON_SOCKET",
    `the socket ${path} cannot be made: ${errorMessage(error)}; choose another with --socket`,
    { cause: error },
  );
}
