/** Routes about the bridge: rules, services, and streams of services. */
import type { IncomingMessage } from "node:http";
import {
  parseGlob,
  parseServiceLine,
  parseServiceType,
  LINE_BYTES_MAX,
  serviceLineOf,
} from "../../bridge/index.ts";
import type { Bridge, ExportRequest, ImportRequest, RuleRequest } from "../../bridge/index.ts";
import { DaemonError, RequestError } from "../errors.ts";
import type {
  DryRunAnswer,
  FedAnswer,
  FeedLine,
  RemovedRuleAnswer,
  RuleAnswer,
  RulesAnswer,
  ServicesAnswer,
} from "./bridge-types.ts";
import { RULE_BYTES_MAX } from "./bridge-types.ts";
import { peersJson, ruleJson } from "./bridge-views.ts";
import { problemOf } from "./problem.ts";
import { parseFlag, parseQuery, readBody, readJson } from "./request.ts";
import type { ApiReply, ApiSubject, Route } from "./routes.ts";

function json(body: object): ApiReply {
  return { type: "json", status: 200, body };
}

function bridgeOf({ bridge }: ApiSubject): Bridge {
  if (bridge === undefined)
    throw new DaemonError("ERR_DAEMON_STARTING", "the bridge is not up yet");
  return bridge;
}

const RULE_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/rules",
    handle(_, subject) {
      const subnets = subject.overlay.subnets();
      const rules = bridgeOf(subject)
        .rules()
        .map((view) => ({ ...view, rule: ruleJson(view.rule, subnets) }));
      return json({ rules } satisfies RulesAnswer);
    },
  },
  {
    method: "POST",
    path: "/v1/rules",
    async handle({ message }, subject) {
      const outcome = await bridgeOf(subject).setRule(await readRule(message));
      const rule = ruleJson(outcome.rule, subject.overlay.subnets());
      return json({ ...outcome, rule } satisfies RuleAnswer);
    },
  },
  {
    method: "POST",
    path: "/v1/rules/dry-run",
    async handle({ message }, subject) {
      const request = await readRule(message);
      if (request.type !== "export") throw badBody("type", '"export": only exports are tried');
      const items = await bridgeOf(subject).dryRun(request);
      const subnets = subject.overlay.subnets();
      const services = items.map((item) => ({ ...item, to: peersJson(item.to, subnets) }));
      return json({ services } satisfies DryRunAnswer);
    },
  },
  {
    method: "POST",
    path: "/v1/rules/remove",
    async handle({ message }, subject) {
      const removed = await bridgeOf(subject).removeRule(await readRule(message));
      return json({ removed: ruleJson(removed, subject.overlay.subnets()) });
    },
  },
  {
    method: "DELETE",
    path: "/v1/rules/:key",
    async handle({ key, query }, subject) {
      parseQuery(query, []);
      const removed = await bridgeOf(subject).removeRule(key);
      const body = { removed: ruleJson(removed, subject.overlay.subnets()) };
      return json(body satisfies RemovedRuleAnswer);
    },
  },
];

const SERVICE_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/services",
    handle(_, subject) {
      const bridge = bridgeOf(subject);
      return json({ ...bridge.services(), bridge: bridge.status() } satisfies ServicesAnswer);
    },
  },
  {
    method: "GET",
    path: "/v1/service-events",
    handle({ query, signal }, subject) {
      const given = parseQuery(query, ["type", "name"]);
      const type = parseServiceType(given.get("type") ?? "all");
      const name = parseGlob(given.get("name") ?? "*");
      const lines = eventLines(bridgeOf(subject), type, name, signal);
      return { type: "lines", status: 200, lines };
    },
  },
  {
    method: "POST",
    path: "/v1/service-feeds",
    async handle({ message, signal }, subject) {
      await readJson(message, []);
      const bridge = bridgeOf(subject);
      return { type: "lines", status: 200, lines: feedLines(bridge, subject, signal) };
    },
  },
  {
    method: "POST",
    path: "/v1/service-feeds/:key",
    async handle({ key, message }, { feeds }) {
      const feed = feeds.get(key);
      if (feed === undefined)
        throw new RequestError("ERR_REQUEST_PATH", 404, "no such stream of services is open");
      const line = Buffer.from(await readBody(message, LINE_BYTES_MAX)).toString("utf8");
      const event = parseServiceLine(line);
      const answer: FedAnswer =
        event.event === "add"
          ? { event: "add", shownAs: await feed.add(event.service) }
          : { event: "remove", removed: await feed.remove(event.id) };
      return json(answer);
    },
  },
  {
    method: "DELETE",
    path: "/v1/service-feeds/:key",
    async handle({ key }, { feeds }) {
      const isOpen = feeds.get(key) !== undefined;
      await feeds.close(key);
      return json({ closed: isOpen });
    },
  },
];

export const BRIDGE_ROUTES: readonly Route[] = [...RULE_ROUTES, ...SERVICE_ROUTES];

async function* eventLines(
  bridge: Bridge,
  type: string,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<object> {
  try {
    for await (const event of bridge.serviceEvents(type, name, signal)) yield serviceLineOf(event);
  } catch (error) {
    if (signal.aborted) return;
    // The status line is long gone, so the error travels as the stream's last line.
    yield { event: "error", ...problemOf(error).body.error };
  }
}

/** One line, and then nothing until either end goes: what the feed holds goes with it. */
async function* feedLines(
  bridge: Bridge,
  { feeds }: ApiSubject,
  signal: AbortSignal,
): AsyncGenerator<FeedLine> {
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  if (signal.aborted) return;
  const feed = feeds.open(bridge);
  try {
    yield { feed };
    await gone;
  } finally {
    await feeds.close(feed);
  }
}

const EXPORT_FIELDS = ["type", "serviceType", "name", "keys", "to", "isUnlisted", "isHere"];
const IMPORT_FIELDS = ["type", "types", "keys", "from", "isLocalOnly", "isDirect", "isHere"];

/** The form of a rule; what it means is for the bridge to check. */
async function readRule(message: IncomingMessage): Promise<RuleRequest> {
  const known = [...new Set([...EXPORT_FIELDS, ...IMPORT_FIELDS])];
  const fields = await readJson(message, known, RULE_BYTES_MAX);
  const { type } = fields;
  if (type !== "export" && type !== "import") throw badBody("type", '"export" or "import"');
  const foreign = Object.keys(fields).find(
    (name) => !(type === "export" ? EXPORT_FIELDS : IMPORT_FIELDS).includes(name),
  );
  if (foreign !== undefined) throw badBody(foreign, `nothing in an ${type} rule`);
  for (const [name, value] of Object.entries(fields)) checkField(name, value);
  if (type === "import") return fields as unknown as ImportRequest;
  if (fields["serviceType"] === undefined) throw badBody("serviceType", "text such as _http._tcp");
  return fields as unknown as ExportRequest;
}

function checkField(name: string, value: unknown): void {
  if (name.startsWith("is")) parseFlag(name, value);
  else if (["type", "serviceType", "name"].includes(name)) {
    if (typeof value !== "string") throw badBody(name, "text");
  } else if (!Array.isArray(value) || !value.every((one) => typeof one === "string"))
    throw badBody(name, "a list of texts");
}

function badBody(name: string, allowed: string): RequestError {
  return new RequestError("ERR_REQUEST_BODY", 400, `${name}: allowed: ${allowed}`);
}
