/**
 * Service types as people write them: `_http._tcp`, or `http` for short.
 *
 * More lenient than RFC 6763 §7 and RFC 6335 §5.1 (15 characters, no underscore inside), because
 * devices are: `_androidtvremote2._tcp` has 16, and `_nvstream_dbd._tcp` an underscore.
 */
import { BridgeError } from "../errors.ts";
import { ALL_TYPES } from "./rule.ts";

const NAME_CHARACTERS_MAX = 62;
const FULL = /^_([a-z0-9_-]+)\._(tcp|udp)$/;
const NAME = /^[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?$/;
/** Those of the registered names in use that are UDP's; all others mean TCP's. */
const UDP_NAMES: ReadonlySet<string> = new Set(
  "coap matterc meshcop mosh ntp ptp rtp sleep-proxy snmp syslog tftp trel wireguard".split(" "),
);
/** What people call what has a name of its own. */
const NICKNAMES: Readonly<Record<string, string>> = {
  chromecast: "googlecast",
  itunes: "daap",
  music: "daap",
  printer: "ipp",
  scanner: "uscan",
  sftp: "sftp-ssh",
  spotify: "spotify-connect",
  timemachine: "adisk",
  vnc: "rfb",
  web: "http",
};
/** Ours, and the question for types: neither is a service that anybody could use elsewhere. */
const NEVER: ReadonlySet<string> = new Set(["_causeway._tcp", "_causeway._udp", "_dns-sd._udp"]);

/** Whether services of that type are ever let through. */
export function isBridgeable(serviceType: string): boolean {
  return !NEVER.has(serviceType);
}

/**
 * @returns `_http._tcp` or `all`, in lower case
 * @throws {BridgeError} ERR_BRIDGE_RULE that says what a type looks like
 */
export function parseServiceType(text: string): string {
  const given = text
    .trim()
    .toLowerCase()
    .replace(/\.$/, "")
    .replace(/\.local$/, "");
  if (given === ALL_TYPES || given === "*") return ALL_TYPES;
  if (given.includes("._sub.")) throw badType(text, "a subtype; name its type, and it goes along");
  const [, full, protocol] = FULL.exec(given) ?? [];
  const name = full ?? (Object.hasOwn(NICKNAMES, given) ? NICKNAMES[given]! : given);
  if (!NAME.test(name) || name.includes("--") || !/[a-z]/.test(name))
    throw badType(text, 'no service type; write it like _http._tcp, or "http" for short, or "all"');
  if (name.length > NAME_CHARACTERS_MAX)
    throw badType(text, `longer than ${NAME_CHARACTERS_MAX} characters`);
  const type = `_${name}._${protocol ?? (UDP_NAMES.has(name) ? "udp" : "tcp")}`;
  if (!isBridgeable(type)) throw badType(text, "the bridge's own business, and never bridged");
  return type;
}

function badType(text: string, problem: string): BridgeError {
  return new BridgeError("ERR_BRIDGE_RULE", `type "${text.slice(0, 80)}": ${problem}`);
}
