/**
 * A client of the local API for short-lived commands.
 *
 * It speaks HTTP over a plain socket, since importing `node:http` alone takes longer than most
 * commands run. It asks with HTTP/1.0, so that an answer is what comes until the connection ends,
 * and has no chunks.
 */
import { connect } from "node:net";
import { errorCode, errorMessage } from "../../platform/errors.ts";
import { DaemonError, RemoteError } from "../errors.ts";
import type { ErrorAnswer } from "./api-types.ts";

const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const HEAD_BYTES_MAX = 64 * 1024;

export interface ApiCall {
  readonly socket: string;
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Path with its query, already encoded. */
  readonly path: string;
  readonly body?: Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Head {
  readonly status: number;
  /** `undefined` when the answer ends with the connection. */
  readonly bodyBytes: number | undefined;
}

/**
 * Asks the daemon and returns its answer.
 *
 * @throws {RemoteError} with the daemon's own code when it refuses
 * @throws {DaemonError} ERR_DAEMON_ABSENT, ERR_DAEMON_ANSWER, ERR_DAEMON_SOCKET
 */
export async function callApi<Answer>(call: ApiCall): Promise<Answer> {
  return parseJson(call.socket, await callApiText(call)) as Answer;
}

/** As `callApi`, for an answer that is no JSON, such as the metrics. */
export async function callApiText(call: ApiCall): Promise<string> {
  let text = "";
  for await (const part of answerOf(call)) text += part;
  return text;
}

/** Asks for a stream of JSON lines; ends when the daemon ends it, or on `signal`. */
export async function* callApiLines<Line>(call: ApiCall): AsyncGenerator<Line> {
  let rest = "";
  for await (const part of answerOf(call)) {
    const lines = (rest + part).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield parseJson(call.socket, line) as Line;
  }
  if (rest !== "") throw new DaemonError("ERR_DAEMON_ANSWER", "the daemon broke off its answer");
}

/** Text of the body as it comes, whole UTF-8 characters each. */
async function* answerOf({ socket: path, signal, ...call }: ApiCall): AsyncGenerator<string> {
  const socket = connect(path);
  const abort = (): void => void socket.destroy();
  signal?.addEventListener("abort", abort);
  try {
    // Not end(): the daemon would take a half-closed connection for a client that went away.
    socket.write(renderHead(call.method, call.path, call.body?.length ?? 0));
    if (call.body !== undefined) socket.write(call.body);
    yield* readAnswer(socket);
  } catch (error) {
    if (signal?.aborted === true) return;
    throw error instanceof DaemonError || error instanceof RemoteError
      ? error
      : connectionError(path, error);
  } finally {
    signal?.removeEventListener("abort", abort);
    socket.destroy();
  }
}

async function* readAnswer(parts: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let pending: Buffer = Buffer.alloc(0);
  let head: Head | undefined;
  let bytes = 0;
  let problem = "";
  for await (const part of parts) {
    let body = part;
    if (head === undefined) {
      pending = Buffer.concat([pending, part]);
      const end = pending.indexOf("\r\n\r\n");
      if (end < 0 && pending.length < HEAD_BYTES_MAX) continue;
      head = parseHead(pending.toString("latin1", 0, Math.max(end, 0)));
      body = pending.subarray(end + 4);
    }
    bytes += body.length;
    if (bytes > ANSWER_BYTES_MAX)
      throw new DaemonError("ERR_DAEMON_ANSWER", "the daemon's answer is too large");
    const text = decoder.decode(body, { stream: true });
    if (head.status >= 300) problem += text;
    else if (text !== "") yield text;
    if (head.bodyBytes !== undefined && bytes >= head.bodyBytes) break;
  }
  if (head === undefined || bytes < (head.bodyBytes ?? 0))
    throw new DaemonError("ERR_DAEMON_ANSWER", "the daemon broke off its answer");
  if (head.status >= 300) throw remoteError(head.status, problem);
}

function renderHead(method: string, path: string, bodyBytes: number): string {
  const length = method === "GET" ? "" : `Content-Length: ${bodyBytes}\r\n`;
  return `${method} ${path} HTTP/1.0\r\nHost: causeway\r\n${length}\r\n`;
}

function parseHead(text: string): Head {
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(text);
  if (status === null)
    throw new DaemonError(
      "ERR_DAEMON_ANSWER",
      "what answers at the socket is not a Causeway daemon",
    );
  const length = /^content-length: *(\d+) *$/im.exec(text);
  return { status: Number(status[1]), bodyBytes: length ? Number(length[1]) : undefined };
}

function remoteError(status: number, text: string): RemoteError {
  let answer: Partial<ErrorAnswer> | null = null;
  try {
    answer = JSON.parse(text) as Partial<ErrorAnswer> | null;
  } catch {
    // Said below: the status is all there is.
  }
  const { code = "ERR_DAEMON_ANSWER", message = `the daemon answered with status ${status}` } =
    answer?.error ?? {};
  return new RemoteError(code, status, message);
}

function parseJson(socket: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DaemonError("ERR_DAEMON_ANSWER", `what answers at ${socket} does not speak JSON`, {
      cause: error,
    });
  }
}

function connectionError(path: string, error: unknown): DaemonError {
  const code = errorCode(error);
  if (code === "ENOENT" || code === "ECONNREFUSED")
    return new DaemonError(
      "ERR_DAEMON_ABSENT",
      `no daemon at ${path}; start one with "causeway up"`,
      { cause: error },
    );
  if (code === "EACCES" || code === "EPERM")
    return new DaemonError(
      "ERR_DAEMON_SOCKET",
      `${path} may not be opened by this user; join its group, or use sudo`,
      { cause: error },
    );
  if (code === "ECONNRESET" || code === "EPIPE")
    return new DaemonError("ERR_DAEMON_ANSWER", "the daemon broke off its answer", {
      cause: error,
    });
  return new DaemonError("ERR_DAEMON_SOCKET", `cannot reach ${path}: ${errorMessage(error)}`, {
    cause: error,
  });
}
