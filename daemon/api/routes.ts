/** The local API's routes: what each reads, calls and answers. */
import type { IncomingMessage } from "node:http";
import type { Bridge } from "../../bridge/index.ts";
import type { Overlay } from "../../overlay/index.ts";
import type { Config } from "../config/settings.ts";
import { RequestError } from "../errors.ts";
import { ping, PING_BYTES_MAX } from "../ping.ts";
import type { ServiceFeeds } from "../service-feeds.ts";
import { BACKUP_ROUTES } from "./backup-routes.ts";
import { BRIDGE_ROUTES } from "./bridge-routes.ts";
import type {
  ExplainAnswer,
  HealthAnswer,
  HostsAnswer,
  PingAnswer,
  PutAnswer,
  ReloadAnswer,
  RemoveAnswer,
  StatusAnswer,
  StopAnswer,
  StoppedLine,
  SubnetsAnswer,
  TokenAnswer,
  WatchLine,
} from "./api-types.ts";
import { TTL_MS_MAX } from "./api-types.ts";
import { problemOf } from "./problem.ts";
import {
  findHost,
  isByteCount,
  parseKey,
  parsePutOptions,
  parseQuery,
  parseSlot,
  parseTtl,
  readBody,
  readJson,
} from "./request.ts";
import { TRUST_ROUTES } from "./trust-routes.ts";
import {
  getAnswer,
  hostsJson,
  keyJson,
  lookupAnswer,
  roundMs,
  subnetJson,
  versionJson,
  watchLine,
} from "./views.ts";

/** What a daemon lets its API do. */
export interface ApiSubject {
  readonly overlay: Overlay;
  /** `undefined` until it is up. */
  readonly bridge: Bridge | undefined;
  readonly feeds: ServiceFeeds;
  config(): Config;
  /** Facts about the process that `status` shows. */
  about(): StatusAnswer["daemon"];
  /** The metrics' text, or `undefined` while they are off. */
  metrics(): Promise<string> | undefined;
  /** @throws {ConfigError} when the file is bad; nothing has changed then */
  reload(): ReloadAnswer;
  /** Stops the daemon; resolves once state and keys are let go, before the API itself ends. */
  stop(how: StopHow): Promise<StoppedLine>;
}

/** `down` keeps everything, `leave` resigns from the overlay, `forget` wipes the state as well. */
export type StopHow = "down" | "leave" | "forget";

export interface ApiRequest {
  readonly message: IncomingMessage;
  /** What stands for `:key` in the path, if anything. */
  readonly key: string;
  readonly query: string;
  /** Aborts when the client goes away or the daemon stops. */
  readonly signal: AbortSignal;
}

export type ApiReply =
  | { readonly type: "json"; readonly status: number; readonly body: object }
  | { readonly type: "text"; readonly status: number; readonly body: string }
  | { readonly type: "lines"; readonly status: number; readonly lines: AsyncIterable<object> };

export interface Route {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** `:key` stands for one path segment. */
  readonly path: string;
  /** The request goes on while the daemon stops. */
  readonly outlivesStop?: boolean;
  handle(request: ApiRequest, subject: ApiSubject): ApiReply | Promise<ApiReply>;
}

function json(body: object, status = 200): ApiReply {
  return { type: "json", status, body };
}

const VIEW_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/status",
    handle: (_, subject) =>
      json({ ...subject.overlay.status(), daemon: subject.about() } satisfies StatusAnswer),
  },
  {
    method: "GET",
    path: "/v1/hosts",
    handle: (_, { overlay }) => json({ hosts: hostsJson(overlay.subnets()) } satisfies HostsAnswer),
  },
  {
    method: "GET",
    path: "/v1/subnets",
    handle: (_, { overlay }) =>
      json({ subnets: overlay.subnets().map(subnetJson) } satisfies SubnetsAnswer),
  },
  {
    method: "GET",
    path: "/v1/explain",
    handle: async (_, { overlay, bridge }) => {
      const bridged = bridge?.explain() ?? [];
      const isWell = bridged.every(({ severity }) => severity === "ok");
      // That nothing is wrong stands alone.
      const found = (await overlay.explain()).filter(({ code }) => isWell || code !== "healthy");
      return json({ findings: [...found, ...bridged] } satisfies ExplainAnswer);
    },
  },
  { method: "GET", path: "/v1/config", handle: (_, subject) => json(subject.config()) },
  {
    method: "GET",
    path: "/health",
    handle(_, { overlay }) {
      const { health, reason } = overlay.status();
      return json({ health, reason } satisfies HealthAnswer, health === "healthy" ? 200 : 503);
    },
  },
  {
    method: "GET",
    path: "/metrics",
    async handle(_, subject) {
      const text = subject.metrics();
      if (text === undefined)
        throw new RequestError("ERR_REQUEST_PATH", 404, 'metrics are off; set "metrics: true"');
      return { type: "text", status: 200, body: await text };
    },
  },
];

const RECORD_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/records/:key",
    async handle({ key, query, signal }, { overlay }) {
      parseQuery(query, []);
      const bytes = parseKey(key);
      return json(getAnswer(keyJson(bytes), await overlay.directory.get(bytes, signal)));
    },
  },
  {
    method: "PUT",
    path: "/v1/records/:key",
    async handle({ key, query, message }, { overlay }) {
      const bytes = parseKey(key);
      const options = parsePutOptions(parseQuery(query, ["slot", "ttlMs", "copies"]));
      const value = await readBody(message);
      const result = await overlay.directory.put(bytes, value, options);
      const { version, storedOn, tookMs } = result;
      return json({
        key: keyJson(bytes),
        version: versionJson(version),
        storedOn,
        tookMs: roundMs(tookMs),
      } satisfies PutAnswer);
    },
  },
  {
    method: "DELETE",
    path: "/v1/records/:key",
    async handle({ key, query }, { overlay }) {
      const bytes = parseKey(key);
      const slot = parseSlot(parseQuery(query, ["slot"]));
      const removed = await overlay.directory.remove(bytes, slot);
      return json({ key: keyJson(bytes), removed } satisfies RemoveAnswer);
    },
  },
  {
    method: "GET",
    path: "/v1/lookup/:key",
    async handle({ key, query, signal }, { overlay }) {
      parseQuery(query, []);
      const bytes = parseKey(key);
      return json(lookupAnswer(keyJson(bytes), await overlay.directory.get(bytes, signal)));
    },
  },
  {
    method: "GET",
    path: "/v1/watch/:key",
    handle({ key, query, signal }, { overlay }) {
      parseQuery(query, []);
      return { type: "lines", status: 200, lines: watchLines(parseKey(key), overlay, signal) };
    },
  },
];

async function* watchLines(
  key: Uint8Array,
  overlay: Overlay,
  signal: AbortSignal,
): AsyncGenerator<WatchLine> {
  const hex = keyJson(key);
  try {
    for await (const event of overlay.directory.watch(key, signal)) yield watchLine(hex, event);
  } catch (error) {
    if (signal.aborted) return;
    // The status line is long gone, so the error travels as the stream's last line.
    yield { type: "error", ...problemOf(error).body.error };
  }
}

const PING_TIMEOUT_MS = 120_000;

const CONTROL_ROUTES: readonly Route[] = [
  {
    method: "POST",
    path: "/v1/ping",
    async handle({ message, signal }, { overlay }) {
      const { host, bytes = 0 } = await readJson(message, ["host", "bytes"]);
      if (typeof bytes !== "number" || !isByteCount(bytes))
        throw new RequestError("ERR_REQUEST_BODY", 400, `bytes: allowed: 0 to ${PING_BYTES_MAX}`);
      const id = findHost(overlay.subnets(), host);
      const ending = AbortSignal.any([signal, AbortSignal.timeout(PING_TIMEOUT_MS)]);
      const { roundTripMs, connectMs, tookMs, ...rest } = await ping(
        overlay.streams,
        id,
        bytes,
        ending,
      );
      return json({
        ...rest,
        roundTripMs: roundMs(roundTripMs),
        connectMs: roundMs(connectMs),
        tookMs: roundMs(tookMs),
      } satisfies PingAnswer);
    },
  },
  {
    method: "POST",
    path: "/v1/token",
    async handle({ message }, { overlay }) {
      const { mayAdmit = true, ttlMs = TTL_MS_MAX } = await readJson(message, [
        "mayAdmit",
        "ttlMs",
      ]);
      if (typeof mayAdmit !== "boolean")
        throw new RequestError("ERR_REQUEST_BODY", 400, "mayAdmit: allowed: true or false");
      const expiresInMs = parseTtl("ttlMs", typeof ttlMs === "number" ? ttlMs : NaN);
      const token = await overlay.createToken({ mayAdmit, ttlMs: expiresInMs });
      return json({ token, mayAdmit, expiresInMs } satisfies TokenAnswer);
    },
  },
  {
    method: "POST",
    path: "/v1/reload",
    async handle({ message }, subject) {
      await readJson(message, []);
      return json(subject.reload());
    },
  },
  {
    method: "POST",
    path: "/v1/down",
    outlivesStop: true,
    async handle({ message }, subject) {
      await readJson(message, []);
      return { type: "lines", status: 202, lines: stopLines(subject, "down") };
    },
  },
  {
    method: "POST",
    path: "/v1/leave",
    outlivesStop: true,
    async handle({ message }, subject) {
      const { forget = false } = await readJson(message, ["forget"]);
      if (typeof forget !== "boolean")
        throw new RequestError("ERR_REQUEST_BODY", 400, "forget: allowed: true or false");
      const lines = stopLines(subject, forget ? "forget" : "leave");
      return { type: "lines", status: 202, lines };
    },
  },
];

async function* stopLines(
  subject: ApiSubject,
  how: StopHow,
): AsyncGenerator<StopAnswer | StoppedLine> {
  yield { stopping: true, pid: subject.about().pid };
  yield await subject.stop(how);
}

export const ROUTES: readonly Route[] = [
  ...VIEW_ROUTES,
  ...RECORD_ROUTES,
  ...TRUST_ROUTES,
  ...BACKUP_ROUTES,
  ...BRIDGE_ROUTES,
  ...CONTROL_ROUTES,
];

/**
 * Finds the route of a request.
 *
 * @throws {RequestError} ERR_REQUEST_PATH (404), or ERR_REQUEST_METHOD (405) with what is allowed
 */
export function findRoute(
  method: string,
  path: string,
): { readonly route: Route; readonly key: string } {
  const slash = path.lastIndexOf("/") + 1;
  const pattern = `${path.slice(0, slash)}:key`;
  const matches = ROUTES.filter((one) => one.path === path || one.path === pattern);
  if (matches.length === 0)
    throw new RequestError("ERR_REQUEST_PATH", 404, `no such path; docs/api.md has them`);
  const route = matches.find((one) => one.method === method);
  if (route === undefined)
    throw new RequestError(
      "ERR_REQUEST_METHOD",
      405,
      `allowed here: ${matches.map((one) => one.method).join(", ")}`,
    );
  return { route, key: route.path === pattern ? path.slice(slash) : "" };
}
