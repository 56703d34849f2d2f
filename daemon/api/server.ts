/**
 * The local API: HTTP/1.1 with JSON over a Unix socket.
 *
 * Whoever may open the socket may do everything: the file's mode is the guard. Requests are
 * bounded in size, number and time; a bad one is answered and never harms the daemon.
 */
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { once } from "node:events";
import type { Metrics } from "../../platform/io/metrics.ts";
import type { Logger } from "../../platform/logger.ts";
import { errorMessage } from "../../platform/errors.ts";
import { DaemonError } from "../errors.ts";
import { problemOf } from "./problem.ts";
import { findRoute } from "./routes.ts";
import type { ApiReply, ApiSubject } from "./routes.ts";
import { claimSocket, listenOnSocket } from "./socket.ts";

const CONNECTIONS_MAX = 256;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** How long answers under way may take to leave while the API closes. */
const CLOSE_TIMEOUT_MS = 500;

export interface ApiOptions {
  /** Path of the socket, at most 107 bytes. */
  readonly socket: string;
  /** Group of the socket; `undefined` for that of the process. */
  readonly groupId: number | undefined;
}

export interface ApiServer {
  /** Ends the streams that are open and refuses new requests; `down` and `leave` go on. */
  refuse(): void;
  /** Lets answers under way finish, for half a second, and removes the socket. */
  close(): Promise<void>;
}

/**
 * Serves `subject` at a socket.
 *
 * @throws {DaemonError} ERR_DAEMON_RUNNING when one is served there, ERR_DAEMON_SOCKET
 */
export async function startApi(
  options: ApiOptions,
  subject: ApiSubject,
  parts: { readonly log: Logger; readonly metrics: Metrics },
): Promise<ApiServer> {
  const { socket, groupId, ...rest } = options;
  rest satisfies Record<string, never>;
  const stopping = new AbortController();
  const requests = parts.metrics.counter(
    "daemon_api_requests_total",
    "Requests of the local API by status",
    ["status"],
  );
  const server = createServer((message, response) => {
    response.once("close", () => requests.inc({ status: response.statusCode }));
    serve(message, response, subject, stopping.signal, parts.log).catch((error: unknown) => {
      parts.log.debug("api answer not delivered", { reason: errorMessage(error) });
      response.destroy();
    });
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  await claimSocket(socket);
  await listenOnSocket(server, socket, groupId);
  return {
    refuse: () => stopping.abort(),
    async close() {
      stopping.abort();
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      const timer = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS);
      await promise;
      clearTimeout(timer);
    },
  };
}

async function serve(
  message: IncomingMessage,
  response: ServerResponse,
  subject: ApiSubject,
  stopping: AbortSignal,
  log: Logger,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  // A client that goes away is no error of ours; "close" follows anyway.
  response.on("error", () => {});
  let reply: ApiReply;
  try {
    reply = await answer(message, subject, stopping, gone.signal);
  } catch (error) {
    const { status, body, isUnforeseen } = problemOf(error);
    if (isUnforeseen && !gone.signal.aborted)
      log.error("api request failed", { url: message.url, error: stackOf(error) });
    // What is left of the body would be taken for the next request.
    if (!message.complete) response.setHeader("connection", "close");
    reply = { type: "json", status, body };
  }
  await send(response, reply);
  message.resume();
}

async function answer(
  message: IncomingMessage,
  subject: ApiSubject,
  stopping: AbortSignal,
  gone: AbortSignal,
): Promise<ApiReply> {
  const url = message.url ?? "/";
  const mark = url.indexOf("?");
  const { route, key } = findRoute(message.method ?? "GET", mark < 0 ? url : url.slice(0, mark));
  if (stopping.aborted && route.outlivesStop !== true)
    throw new DaemonError("ERR_DAEMON_ABSENT", "the daemon is stopping");
  const signal = route.outlivesStop === true ? gone : AbortSignal.any([gone, stopping]);
  const query = mark < 0 ? "" : url.slice(mark + 1);
  return route.handle({ message, key, query, signal }, subject);
}

async function send(response: ServerResponse, reply: ApiReply): Promise<void> {
  if (reply.type === "lines") return sendLines(response, reply.status, reply.lines);
  const body = reply.type === "json" ? `${JSON.stringify(reply.body)}\n` : reply.body;
  const type = reply.type === "json" ? "application/json" : "text/plain; version=0.0.4";
  response.writeHead(reply.status, {
    "content-type": `${type}; charset=utf-8`,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  });
  response.end(body);
}

/** One JSON object a line, no faster than the client reads. */
async function sendLines(
  response: ServerResponse,
  status: number,
  lines: AsyncIterable<object>,
): Promise<void> {
  response.writeHead(status, {
    "content-type": "application/x-ndjson",
    "cache-control": "no-store",
  });
  response.flushHeaders();
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  response.once("close", resolve);
  for await (const line of lines) {
    if (response.destroyed) continue;
    if (!response.write(`${JSON.stringify(line)}\n`))
      await Promise.race([once(response, "drain"), closed]);
  }
  response.end();
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
