/** One request of the local API, read with every bound checked. */
import { hash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { PutOptions, SubnetView } from "../../overlay/index.ts";
import { fromHex } from "../../platform/bytes.ts";
import { COPIES_ALLOWED, parseCopies } from "../copies.ts";
import { RequestError } from "../errors.ts";
import { PING_BYTES_MAX } from "../ping.ts";
import { SLOT_BYTES_MAX, TTL_MS_MAX, TTL_MS_MIN, VALUE_BYTES_MAX } from "./api-types.ts";

const KEY = /^[0-9a-f]{64}$/i;
const TEXT_PREFIX = "text:";

/**
 * A key: 64 hexadecimal digits, or `text:` and a percent-encoded text whose SHA-256 it is.
 *
 * @throws {RequestError} ERR_REQUEST_KEY
 */
export function parseKey(segment: string): Uint8Array {
  if (KEY.test(segment)) return fromHex(segment);
  const text = segment.startsWith(TEXT_PREFIX)
    ? decodeText(segment.slice(TEXT_PREFIX.length))
    : undefined;
  if (text === undefined || text === "")
    throw new RequestError(
      "ERR_REQUEST_KEY",
      400,
      'the key is neither 64 hexadecimal digits nor "text:" and a percent-encoded text',
    );
  return new Uint8Array(hash("sha256", text, "buffer"));
}

function decodeText(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

/** The query's parameters; each at most once, and none that the route does not know. */
export function parseQuery(query: string, known: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (!known.includes(name))
      throw badQuery(name, known.length > 0 ? `unknown; known: ${known.join(", ")}` : "unknown");
    if (found.has(name)) throw badQuery(name, "given twice");
    found.set(name, value);
  }
  return found;
}

export function parseSlot(query: ReadonlyMap<string, string>): string {
  const slot = query.get("slot") ?? "";
  if (Buffer.byteLength(slot) > SLOT_BYTES_MAX)
    throw badQuery("slot", `more than ${SLOT_BYTES_MAX} bytes`);
  return slot;
}

export function parsePutOptions(query: ReadonlyMap<string, string>): Partial<PutOptions> {
  const ttlMs = query.get("ttlMs");
  const copies = query.get("copies");
  const policy = copies === undefined ? undefined : parseCopies(copies);
  if (copies !== undefined && policy === undefined)
    throw badQuery("copies", `allowed: ${COPIES_ALLOWED}`);
  return {
    slot: parseSlot(query),
    ...(ttlMs === undefined ? {} : { ttlMs: parseTtl("ttlMs", Number(ttlMs || "NaN")) }),
    ...(policy === undefined ? {} : { copies: policy }),
  };
}

export function parseTtl(name: string, ttlMs: number): number {
  if (!Number.isInteger(ttlMs) || ttlMs < TTL_MS_MIN || ttlMs > TTL_MS_MAX)
    throw badQuery(name, `allowed: a whole number from ${TTL_MS_MIN} to ${TTL_MS_MAX}`);
  return ttlMs;
}

function badQuery(name: string, problem: string): RequestError {
  return new RequestError("ERR_REQUEST_QUERY", 400, `${name.slice(0, 40)}: ${problem}`);
}

/** @throws {RequestError} ERR_REQUEST_TOO_LARGE before more than `maxBytes` are kept */
export async function readBody(
  request: IncomingMessage,
  maxBytes = VALUE_BYTES_MAX,
): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > maxBytes)
      throw new RequestError(
        "ERR_REQUEST_TOO_LARGE",
        413,
        `the body has more than ${maxBytes} bytes, the most that it may have here`,
      );
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** A JSON object with no other keys than `known`; an empty body is an empty object. */
export async function readJson(
  request: IncomingMessage,
  known: readonly string[],
  maxBytes = VALUE_BYTES_MAX,
): Promise<Readonly<Record<string, unknown>>> {
  const text = Buffer.from(await readBody(request, maxBytes)).toString("utf8");
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RequestError("ERR_REQUEST_BODY", 400, "the body is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new RequestError("ERR_REQUEST_BODY", 400, "the body is not a JSON object");
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new RequestError(
      "ERR_REQUEST_BODY",
      400,
      `unknown key "${unknown.slice(0, 40)}"; known: ${known.join(", ") || "none"}`,
    );
  return value as Readonly<Record<string, unknown>>;
}

const HOST_CHARACTERS_MAX = 64;

/** How people name a host: its id, the beginning of it, or its name. */
export function parseHostName(value: unknown): string {
  if (typeof value === "string" && value !== "" && value.length <= HOST_CHARACTERS_MAX)
    return value;
  throw new RequestError(
    "ERR_REQUEST_BODY",
    400,
    `host: allowed: a host's id, its beginning, or its name, at most ${HOST_CHARACTERS_MAX} characters`,
  );
}

/** @throws {RequestError} ERR_REQUEST_BODY unless it is true or false */
export function parseFlag(name: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new RequestError("ERR_REQUEST_BODY", 400, `${name}: allowed: true or false`);
}

const HOST_ID = /^[a-z2-7]{52}$/;

/**
 * The id of the host that is meant.
 *
 * @throws {RequestError} ERR_REQUEST_BODY when no host, or more than one, is known by that
 */
export function findHost(subnets: readonly SubnetView[], given: unknown): string {
  const meant = parseHostName(given);
  const hosts = subnets.flatMap((subnet) => subnet.hosts);
  const found = hosts.filter(({ id, name }) => name === meant || id.startsWith(meant));
  const ids = [...new Set(found.map(({ id }) => id))];
  if (ids.length === 1) return ids[0]!;
  if (HOST_ID.test(meant)) return meant; // not in any host set known here, and yet reachable perhaps
  const problem = ids.length === 0 ? "no such host is known" : `${ids.length} hosts fit`;
  throw new RequestError(
    "ERR_REQUEST_BODY",
    400,
    `"${meant}": ${problem}; "causeway hosts" lists them, and a whole id always does`,
  );
}

export function isByteCount(bytes: number): boolean {
  return Number.isInteger(bytes) && bytes >= 0 && bytes <= PING_BYTES_MAX;
}
