/** What a site of a lab shall be: one item of `sites` in the YAML file, checked. */
import type { DelaySettings } from "../../packets/index.ts";
import { ConfigError } from "../../platform/errors.ts";
import { parseNetwork, type SiteNetwork } from "./addresses.ts";
import { parseExtras } from "./extras.ts";
import { asBoolean, asFields, shown, type Fields } from "./fields.ts";
import { parseRate, parseShare, parseShiftMs, parseSize, parseTimeMs } from "./units.ts";

export type SwitchType = "ovs" | "bridge";

/** An uplink as it is set; each way has all of it. */
export interface UplinkSettings extends DelaySettings {
  /** Bits a second; `null` for no limit. */
  readonly rate: number | null;
}

export type PortMapping = "upnp" | "nat-pmp" | "both";

/** A home router between the site and its uplink. */
export interface NatSpec {
  /** What hosts may ask it for ports by; `null` for nothing. */
  readonly portMapping: PortMapping | null;
}

export interface SiteSpec {
  readonly name: string;
  /** None to two networks, IPv4 first; with none, hosts have link-local IPv6 addresses only. */
  readonly networks: readonly SiteNetwork[];
  /** `null` for a site whose addresses the wide area routes. */
  readonly nat: NatSpec | null;
  /** 1 to 64. */
  readonly hosts: number;
  readonly switch: SwitchType;
  /** A D-Bus and an Avahi on each host. */
  readonly hasAvahi: boolean;
  readonly uplink: UplinkSettings;
  /** By host name, how far its wall clock is ahead in ms; absent ones are right. */
  readonly clocks: Readonly<Record<string, number>>;
  /** Names of each host's interfaces beside `eth0`. */
  readonly extras: readonly string[];
  /** Of each host's own disk; `null` for none of its own. */
  readonly diskBytes: number | null;
}

export const HOSTS_MAX = 64;
const SITE_NAME = /^[a-z][a-z0-9]{0,7}$/;
const SITE_KEYS: readonly string[] = [
  ...["name", "subnet", "hosts", "ipv4", "ipv6", "nat", "switch", "avahi", "uplink"],
  ...["clock", "disk", "extra"],
];
const PORT_MAPPINGS: readonly PortMapping[] = ["upnp", "nat-pmp", "both"];
/** What home routers come with. */
const NAT_SUBNET = "192.168.1.0/24";
const UPLINK_KEYS = ["delay", "jitter", "rate", "loss"] as const;

/** @throws {ConfigError} with the path of the mistake and what is allowed */
export function parseSite(path: string, given: unknown, number: number): SiteSpec {
  const fields = asFields(path, given, SITE_KEYS);
  const { name, hosts = 1, switch: kind = "bridge", avahi = false } = fields;
  if (typeof name !== "string" || !SITE_NAME.test(name))
    throw new ConfigError(
      `${path}.name`,
      `${shown(name)} is no site name; 1 to 8 lower-case letters and digits, a letter first`,
    );
  if (typeof hosts !== "number" || !Number.isInteger(hosts) || hosts < 1 || hosts > HOSTS_MAX)
    throw new ConfigError(`${path}.hosts`, `${shown(hosts)} must be 1 to ${HOSTS_MAX}`);
  if (kind !== "ovs" && kind !== "bridge")
    throw new ConfigError(`${path}.switch`, `${shown(kind)} must be ovs or bridge`);
  const names = Array.from({ length: hosts }, (_, index) => `${name}-${index + 1}`);
  const nat = parseNat(`${path}.nat`, fields["nat"] ?? false);
  return {
    name,
    networks: parseNetworks(path, fields, nat !== null, number),
    nat,
    hosts,
    switch: kind,
    hasAvahi: asBoolean(`${path}.avahi`, avahi),
    uplink: parseUplink(`${path}.uplink`, fields["uplink"] ?? {}),
    clocks: parseClocks(`${path}.clock`, fields["clock"] ?? {}, names),
    extras: parseExtras(`${path}.extra`, fields["extra"] ?? []),
    diskBytes: fields["disk"] === undefined ? null : parseSize(`${path}.disk`, fields["disk"]),
  };
}

function parseNat(path: string, given: unknown): NatSpec | null {
  if (typeof given === "boolean") return given ? { portMapping: null } : null;
  const { portMapping = null } = asFields(path, given, ["portMapping"]);
  const known = PORT_MAPPINGS.find((one) => one === portMapping);
  if (known !== undefined || portMapping === null) return { portMapping: known ?? null };
  throw new ConfigError(
    `${path}.portMapping`,
    `${shown(portMapping)} must be ${PORT_MAPPINGS.join(", ")}`,
  );
}

/** Without `subnet`, site n has 10.n.0.0/24 or fd00:n::/64; behind NAT all have the same. */
function parseNetworks(
  path: string,
  { subnet, ipv4 = true, ipv6 }: Fields,
  isNated: boolean,
  number: number,
): readonly SiteNetwork[] {
  if (subnet !== undefined && typeof subnet !== "string")
    throw new ConfigError(`${path}.subnet`, `${shown(subnet)} must be text like 10.1.0.0/24`);
  const hasIpv4 = asBoolean(`${path}.ipv4`, ipv4);
  if (ipv6 !== undefined && ipv6 !== "link-local" && typeof ipv6 !== "boolean")
    throw new ConfigError(`${path}.ipv6`, `${shown(ipv6)} must be true, false or link-local`);
  const given = subnet === undefined ? undefined : parseNetwork(`${path}.subnet`, subnet);
  if (isNated && (!hasIpv4 || given?.family === 6 || ipv6 === true))
    throw new ConfigError(
      `${path}.nat`,
      "stands for IPv4 only; behind it a host has IPv6 on its own link and no further",
    );
  if (given?.family === 6 && ipv6 !== undefined && ipv6 !== true)
    throw new ConfigError(`${path}.ipv6`, `${shown(ipv6)} contradicts subnet ${given.text}`);
  if (!hasIpv4) return ipv6OnlyNetworks(path, given, ipv6, number);
  if (given?.family === 6) return [given];
  const own = isNated ? NAT_SUBNET : `10.${number}.0.0/24`;
  const first = given ?? parseNetwork(`${path}.subnet`, own);
  return ipv6 === true ? [first, ipv6Network(path, number)] : [first];
}

function ipv6OnlyNetworks(
  path: string,
  given: SiteNetwork | undefined,
  ipv6: unknown,
  number: number,
): readonly SiteNetwork[] {
  if (given?.family === 4)
    throw new ConfigError(`${path}.ipv4`, `false contradicts subnet ${given.text}`);
  if (ipv6 === false)
    throw new ConfigError(`${path}.ipv6`, "false leaves no addresses with ipv4: false");
  if (ipv6 === "link-local") return [];
  return [given ?? ipv6Network(path, number)];
}

function ipv6Network(path: string, number: number): SiteNetwork {
  return parseNetwork(`${path}.ipv6`, `fd00:${number}::/64`);
}

/** One time for all hosts, or a mapping of host names to times. */
function parseClocks(
  path: string,
  given: unknown,
  hosts: readonly string[],
): Readonly<Record<string, number>> {
  const fields =
    typeof given === "object"
      ? asFields(path, given, hosts)
      : Object.fromEntries(hosts.map((host) => [host, given]));
  return Object.fromEntries(
    Object.entries(fields).map(([host, text]) => [host, parseShiftMs(`${path}.${host}`, text)]),
  );
}

function parseUplink(path: string, given: unknown): UplinkSettings {
  const fields = asFields(path, given, UPLINK_KEYS);
  const text = (key: (typeof UPLINK_KEYS)[number], absent: string): string => {
    const value = fields[key] ?? absent;
    if (typeof value === "string") return value;
    throw new ConfigError(`${path}.${key}`, `${shown(value)} must be text with a unit`);
  };
  return {
    delayMs: parseTimeMs(`${path}.delay`, text("delay", "0ms")),
    jitterMs: parseTimeMs(`${path}.jitter`, text("jitter", "0ms")),
    rate: parseRate(`${path}.rate`, text("rate", "none")),
    lossRatio: parseShare(`${path}.loss`, text("loss", "0%")),
    isCut: false,
  };
}
