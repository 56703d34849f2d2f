/** Requests to the local API of a host's daemon. */
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { errorMessage } from "../../platform/errors.ts";
import type { Health } from "../../overlay/types.ts";
import { LabError } from "./errors.ts";
import { hostPaths } from "./enter.ts";

/** What the lab reads of `GET /v1/status`. */
export interface HostStatus {
  readonly health: Health;
  readonly reason: string;
}

const ANSWER_MS = 10_000;

/**
 * @param body sent as JSON when given
 * @returns the answer's JSON, `undefined` when it has no body
 * @throws {LabError} ERR_LAB_DAEMON when nobody answers or the answer is an error
 */
export async function askHost(
  lab: string,
  host: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  try {
    const { status, content } = await exchange(hostPaths(lab, host).socket, method, path, body);
    if (status < 300) return content === "" ? undefined : JSON.parse(content);
    throw new Error(`${status} ${content}`);
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

async function exchange(
  socketPath: string,
  method: string,
  path: string,
  body: unknown,
): Promise<{ status: number; content: string }> {
  const content = body === undefined ? "" : JSON.stringify(body);
  const headers = {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(content),
  };
  const sent = request({
    socketPath,
    method,
    path,
    agent: false,
    headers: content === "" ? {} : headers,
    timeout: ANSWER_MS,
  });
  return new Promise((resolve, reject) => {
    sent.on("timeout", () => sent.destroy(new Error(`no answer in ${ANSWER_MS / 1000} s`)));
    sent.on("error", reject);
    sent.on("response", (response) => {
      text(response).then(
        (answer) => resolve({ status: response.statusCode ?? 0, content: answer }),
        reject,
      );
    });
    sent.end(content);
  });
}
