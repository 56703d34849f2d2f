/** Requests to the local API of a host's daemon. */
import { errorMessage } from "../../platform/errors.ts";
import type { Health } from "../../overlay/index.ts";
import { callApi, type ApiCall } from "../api/client.ts";
import { hostPaths } from "./enter.ts";
import { LabError } from "./errors.ts";

/** What the lab reads of `GET /v1/status`. */
export interface HostStatus {
  readonly health: Health;
  readonly reason: string;
}

/** A paused daemon takes a connection and says nothing. */
const ANSWER_MS = 10_000;

/**
 * @param body sent as JSON when given
 * @returns the answer's JSON
 * @throws {LabError} ERR_LAB_DAEMON when nobody answers or the answer is an error
 */
export async function askHost(
  lab: string,
  host: string,
  method: ApiCall["method"],
  path: string,
  body?: unknown,
): Promise<unknown> {
  try {
    return await callApi<unknown>({
      socket: hostPaths(lab, host).socket,
      method,
      path,
      body: body === undefined ? undefined : Buffer.from(JSON.stringify(body)),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
  } catch (error) {
    const why = errorMessage(error);
    throw new LabError("ERR_LAB_DAEMON", `${host}: ${method} ${path} failed: ${why}`, {
      cause: error,
    });
  }
}

/** @returns `undefined` while the daemon does not answer */
export async function hostStatus(lab: string, host: string): Promise<HostStatus | undefined> {
  try {
    return (await askHost(lab, host, "GET", "/v1/status")) as HostStatus;
  } catch {
    return undefined;
  }
}
