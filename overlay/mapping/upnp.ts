/**
 * What is said to a UPnP Internet Gateway Device: search (SSDP), description, and SOAP calls.
 *
 * UPnP Device Architecture 1.1 §1.3 and §3, WANIPConnection:1 and :2, WANPPPConnection:1. Elements
 * are looked for by name, whatever is around them; nothing is kept of a document but those. Not
 * supported: IPv6 pinholes, events.
 */
import { WireError } from "../../platform/errors.ts";

export const SSDP_PORT = 1900;
export const SSDP_GROUP = "239.255.255.250";
export const SEARCH_ANSWER_BYTES_MAX = 2_048;
export const DOCUMENT_BYTES_MAX = 65_536;

const SERVICES_MAX = 64;
const URL_CHARACTERS_MAX = 512;
const VALUE_CHARACTERS_MAX = 128;
const TARGETS = [
  "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
  "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
];
/** Best first. */
const SERVICES = [
  "urn:schemas-upnp-org:service:WANIPConnection:2",
  "urn:schemas-upnp-org:service:WANIPConnection:1",
  "urn:schemas-upnp-org:service:WANPPPConnection:1",
];
/** WANIPConnection:1 §2.4.16 and UPnP Device Architecture §3.2.2. */
export const UPNP_ERROR = {
  noSuchEntry: 714,
  conflict: 718,
  samePortValues: 724,
  onlyPermanent: 725,
} as const;

/** Where a router takes calls. */
export interface UpnpControl {
  readonly service: string;
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

export type SoapArguments = Readonly<Record<string, string | number>>;

/** Searches for both versions: a router of the second need not answer for the first. */
export function encodeSearches(): readonly Uint8Array[] {
  return TARGETS.map((target) => {
    const lines = [
      "M-SEARCH * HTTP/1.1",
      `HOST: ${SSDP_GROUP}:${SSDP_PORT}`,
      'MAN: "ssdp:discover"',
      "MX: 1",
      `ST: ${target}`,
    ];
    return new TextEncoder().encode([...lines, "", ""].join("\r\n"));
  });
}

/**
 * The address of the description that a gateway answers a search with.
 *
 * @throws {WireError} unless that is what it is
 */
export function decodeSearchAnswer(bytes: Uint8Array): Omit<UpnpControl, "service"> {
  if (bytes.length > SEARCH_ANSWER_BYTES_MAX) throw new WireError("a search answer too long");
  const lines = new TextDecoder("latin1").decode(bytes).split("\r\n");
  if (!/^HTTP\/1\.[01] 200\b/.test(lines[0] ?? "")) throw new WireError("no answer to a search");
  const header = (name: string): string =>
    lines
      .find((line) => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim() ?? "";
  if (!header("st").includes(":InternetGatewayDevice:"))
    throw new WireError("an answer of another device");
  return placeOf(header("location"), undefined);
}

/**
 * Finds in a device's description where its ports are mapped.
 *
 * @param from where the description came from, which relative addresses start at
 * @throws {WireError} when it has no such service
 */
export function decodeDescription(
  bytes: Uint8Array,
  from: Omit<UpnpControl, "service">,
): UpnpControl {
  const services = textOf(bytes).split("<service>").slice(1, SERVICES_MAX);
  const found = services.flatMap((part) => {
    const service = elementOf(part, "serviceType", VALUE_CHARACTERS_MAX)?.trim() ?? "";
    const url = elementOf(part, "controlURL", URL_CHARACTERS_MAX)?.trim();
    return SERVICES.includes(service) && url ? [{ service, url }] : [];
  });
  const [best] = found.toSorted(
    (a, b) => SERVICES.indexOf(a.service) - SERVICES.indexOf(b.service),
  );
  if (best === undefined) throw new WireError("it describes no service that maps ports");
  return { service: best.service, ...placeOf(best.url, from) };
}

/** The body of a call; names and values are our own and need no escaping. */
export function encodeSoapCall(service: string, action: string, given: SoapArguments): Uint8Array {
  const inner = Object.entries(given).map(([name, value]) => `<${name}>${value}</${name}>`);
  const text =
    '<?xml version="1.0"?>\r\n' +
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>' +
    `<u:${action} xmlns:u="${service}">${inner.join("")}</u:${action}>` +
    "</s:Body></s:Envelope>\r\n";
  return new TextEncoder().encode(text);
}

/** What a call was answered: a fault's number, or the elements asked for by name. */
export type SoapAnswer =
  | { readonly type: "fault"; readonly code: number }
  | { readonly type: "done"; readonly values: readonly (string | undefined)[] };

/**
 * @param names elements to read; absent ones are `undefined`
 * @throws {WireError} when it is neither an answer nor a fault
 */
export function decodeSoapAnswer(bytes: Uint8Array, names: readonly string[] = []): SoapAnswer {
  const text = textOf(bytes);
  if (!/<(?:[\w.-]{1,32}:)?Body[\s>]/.test(text)) throw new WireError("no SOAP answer");
  const code = elementOf(text, "errorCode", 8)?.trim();
  if (code !== undefined && /^\d{1,5}$/.test(code)) return { type: "fault", code: Number(code) };
  if (/<(?:[\w.-]{1,32}:)?Fault[\s>]/.test(text)) return { type: "fault", code: 0 };
  const values = names.map((name) => elementOf(text, name, VALUE_CHARACTERS_MAX)?.trim());
  return { type: "done", values };
}

function textOf(bytes: Uint8Array): string {
  if (bytes.length > DOCUMENT_BYTES_MAX) throw new WireError("a document too long");
  return new TextDecoder().decode(bytes);
}

/** Text of the first element of that name; it holds no other elements. */
function elementOf(text: string, name: string, charactersMax: number): string | undefined {
  // Routers write attributes such as dt:dt="string" into some.
  const open = new RegExp(`<${name}(?:\\s[^<>]{0,200})?>`).exec(text);
  if (open === null) return undefined;
  const from = open.index + open[0].length;
  const content = /^[^<]*/.exec(text.slice(from, from + charactersMax + 1))?.[0] ?? "";
  return content.length > charactersMax ? undefined : content.replaceAll("&amp;", "&");
}

/** @throws {WireError} unless it is `http://` at an address, or relative to one */
function placeOf(
  text: string,
  from: Omit<UpnpControl, "service"> | undefined,
): Omit<UpnpControl, "service"> {
  const base = from === undefined ? undefined : `http://${from.host}:${from.port}${from.path}`;
  if (text.length > URL_CHARACTERS_MAX || !URL.canParse(text, base))
    throw new WireError("no address of a description or control");
  const url = new URL(text, base);
  if (url.protocol !== "http:" || url.username !== "") throw new WireError("no http address");
  return {
    host: url.hostname,
    port: url.port === "" ? 80 : Number(url.port),
    path: url.pathname + url.search,
  };
}
