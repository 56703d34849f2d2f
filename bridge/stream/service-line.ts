/**
 * Services as lines of JSON, for `export --to-stream` and `import --from-stream`:
 *
 *     {"event":"add","instance":"Tom's Music v1.2","type":"_daap._tcp","subtypes":[],
 *      "host":"toms-mac.local","port":3689,"txt":["Version=1"],"addresses":["192.168.1.5"]}
 *     {"event":"remove","instance":"Tom's Music v1.2","type":"_daap._tcp"}
 *
 * An `add` of a name and type that was added before replaces it. A string of TXT that is no UTF-8
 * stands as `{"base64": "…"}`; a dot inside a label of `host` as `\.`. Unknown fields are refused,
 * so that a mistyped one is not lost in silence.
 */
import { parseAddress } from "../../platform/address.ts";
import { utf8 } from "../../platform/bytes.ts";
import type { DnsName } from "../../platform/dns/name.ts";
import { BridgeError } from "../errors.ts";
import { ALL_TYPES } from "../rules/rule.ts";
import { parseServiceType } from "../rules/service-type.ts";
import type { ServiceEvent } from "../types.ts";
import type { ServiceId } from "../zeroconf/service.ts";

export const LINE_BYTES_MAX = 64 * 1024;
const INSTANCE_BYTES_MAX = 63;
const LABEL_BYTES_MAX = 63;
const NAME_BYTES_MAX = 255;
const TXT_STRING_BYTES_MAX = 255;
/** RFC 6763 §6.2 advises 1300 at most; beyond this a packet has no room for it. */
const TXT_BYTES_MAX = 8900;
const SUBTYPES_MAX = 32;
const ADDRESSES_MAX = 32;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const FIELDS = {
  add: ["event", "instance", "type", "subtypes", "host", "port", "txt", "addresses"],
  remove: ["event", "instance", "type"],
} as const;

/** A string of TXT: text where it is UTF-8. */
type TxtJson = string | { readonly base64: string };

/** The object that one line holds. */
export function serviceLineOf(event: ServiceEvent): object {
  if (event.event === "remove") {
    const { instance, type } = event.id;
    return { event: event.event, instance, type };
  }
  const { instance, type, subtypes, host, port, txt, addresses } = event.service;
  return {
    event: event.event,
    instance,
    type,
    subtypes,
    host: formatHost(host),
    port,
    txt: txt.map(txtJson),
    addresses,
  };
}

/** @throws {BridgeError} ERR_BRIDGE_RECORD that says what is wrong with the line */
export function parseServiceLine(line: string): ServiceEvent {
  if (Buffer.byteLength(line) > LINE_BYTES_MAX)
    throw badLine(`it has more than ${LINE_BYTES_MAX} bytes`);
  const fields = parseObject(line);
  const { event } = fields;
  if (event !== "add" && event !== "remove") throw badLine('event: allowed: "add" and "remove"');
  const unknown = Object.keys(fields).find((name) => !fieldsOf(event).includes(name));
  if (unknown !== undefined)
    throw badLine(`unknown field "${unknown.slice(0, 40)}"; known: ${fieldsOf(event).join(", ")}`);
  const id = parseId(fields);
  if (event === "remove") return { event, id };
  const service = {
    ...id,
    subtypes: listOf("subtypes", fields["subtypes"] ?? [], SUBTYPES_MAX).map(parseSubtype),
    host: parseHost(fields["host"] ?? "unknown.local"),
    port: parsePort(fields["port"]),
    txt: parseTxt(fields["txt"] ?? []),
    addresses: listOf("addresses", fields["addresses"], ADDRESSES_MAX).map(parseIp),
  };
  if (service.addresses.length === 0) throw badLine("addresses: at least one is needed");
  return { event, service };
}

function fieldsOf(event: "add" | "remove"): readonly string[] {
  return FIELDS[event];
}

function parseObject(line: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw badLine("it is not JSON");
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>;
  throw badLine("it is not a JSON object");
}

function parseId({ instance, type }: Readonly<Record<string, unknown>>): ServiceId {
  if (typeof instance !== "string" || !instance.isWellFormed() || /\p{Cc}/u.test(instance))
    throw badLine("instance: allowed: text without control characters");
  const name = instance.normalize("NFC");
  const bytes = Buffer.byteLength(name);
  if (bytes < 1 || bytes > INSTANCE_BYTES_MAX)
    throw badLine(`instance: it has ${bytes} bytes; allowed: 1 to ${INSTANCE_BYTES_MAX}`);
  if (typeof type !== "string") throw badLine("type: allowed: text such as _http._tcp");
  return { instance: name, type: parseType(type) };
}

function parseType(text: string): string {
  let type: string;
  try {
    type = parseServiceType(text);
  } catch (cause) {
    throw badLine(cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (type === ALL_TYPES) throw badLine("type: one type, not all");
  return type;
}

function parseSubtype(value: unknown): string {
  if (typeof value === "string" && value.isWellFormed() && isLabel(value)) return value;
  throw badLine('subtypes: allowed: labels such as "_printer"');
}

function parsePort(value: unknown): number {
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65_535)
    return value as number;
  throw badLine("port: allowed: 1 to 65535");
}

function parseIp(value: unknown): string {
  if (typeof value === "string" && !value.includes("%") && parseAddress(value) !== undefined)
    return value;
  throw badLine("addresses: allowed: IPv4 and IPv6 addresses as text, without a zone");
}

function parseTxt(value: unknown): readonly Uint8Array[] {
  const strings = listOf("txt", value, TXT_BYTES_MAX).map(parseTxtString);
  const bytes = strings.reduce((sum, one) => sum + 1 + one.length, 0);
  if (bytes > TXT_BYTES_MAX) throw badLine(`txt: ${bytes} bytes; allowed: ${TXT_BYTES_MAX}`);
  return strings;
}

function parseTxtString(value: unknown): Uint8Array {
  const bytes = txtBytes(value);
  if (bytes === undefined || bytes.length < 1 || bytes.length > TXT_STRING_BYTES_MAX)
    throw badLine(
      `txt: allowed: strings of 1 to ${TXT_STRING_BYTES_MAX} bytes, as text or {"base64": "…"}`,
    );
  return bytes;
}

function txtBytes(value: unknown): Uint8Array | undefined {
  if (typeof value === "string") return value.isWellFormed() ? utf8(value) : undefined;
  if (typeof value !== "object" || value === null || !("base64" in value)) return undefined;
  const { base64 } = value;
  if (typeof base64 !== "string" || !BASE64.test(base64)) return undefined;
  return new Uint8Array(Buffer.from(base64, "base64"));
}

function txtJson(bytes: Uint8Array): TxtJson {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { base64: Buffer.from(bytes).toString("base64") };
  }
}

function formatHost(host: DnsName): string {
  return host.map((label) => label.replace(/[\\.]/g, "\\$&")).join(".");
}

function parseHost(value: unknown): DnsName {
  const problem = 'host: allowed: a name such as "toms-mac.local"';
  if (typeof value !== "string" || !value.isWellFormed()) throw badLine(problem);
  const labels = [...value.matchAll(/((?:\\.|[^\\.])+)(?:\.|$)/gsu)];
  const read = labels.map(([, label = ""]) => label.replace(/\\(.)/gsu, "$1"));
  const bytes = read.reduce((sum, label) => sum + 1 + Buffer.byteLength(label), 1);
  const isWhole = labels.map(([all]) => all).join("") === value;
  if (!isWhole || read.length === 0 || bytes > NAME_BYTES_MAX || !read.every(isLabel))
    throw badLine(problem);
  return read;
}

function isLabel(text: string): boolean {
  const bytes = Buffer.byteLength(text);
  return bytes >= 1 && bytes <= LABEL_BYTES_MAX && !/\p{Cc}/u.test(text);
}

function listOf(name: string, value: unknown, max: number): readonly unknown[] {
  if (!Array.isArray(value)) throw badLine(`${name}: allowed: a list`);
  if (value.length > max) throw badLine(`${name}: allowed: at most ${max}`);
  return value as readonly unknown[];
}

function badLine(problem: string, cause?: unknown): BridgeError {
  return new BridgeError("ERR_BRIDGE_RECORD", problem, { cause });
}
