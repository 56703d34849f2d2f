/** What a lab shall be: the YAML file, checked. */
import { parseDocument } from "yaml";
import type { DelaySettings } from "../../packets/index.ts";
import { ConfigError } from "../../platform/errors.ts";
import { overlaps, parseNetwork, type SiteNetwork } from "./addresses.ts";
import { parseRate, parseShare, parseTimeMs } from "./units.ts";

export type SwitchType = "ovs" | "bridge";

/** An uplink as it is set; each way has all of it. */
export interface UplinkSettings extends DelaySettings {
  /** Bits a second; `null` for no limit. */
  readonly rate: number | null;
}

export interface SiteSpec {
  readonly name: string;
  /** One or two networks, IPv4 first. */
  readonly networks: readonly SiteNetwork[];
  /** 1 to 64. */
  readonly hosts: number;
  readonly switch: SwitchType;
  /** A D-Bus and an Avahi on each host. */
  readonly hasAvahi: boolean;
  readonly uplink: UplinkSettings;
}

export interface LabSpec {
  readonly sites: readonly SiteSpec[];
}

export const SITES_MAX = 100;
export const HOSTS_MAX = 64;
const SITE_NAME = /^[a-z][a-z0-9]{0,7}$/;
const SITE_KEYS = ["name", "subnet", "hosts", "switch", "avahi", "ipv6", "uplink"] as const;
const UPLINK_KEYS = ["delay", "jitter", "rate", "loss"] as const;

type Fields = Readonly<Record<string, unknown>>;

/**
 * @param text YAML
 * @param file what to call it in messages
 * @throws {ConfigError} with the path of the mistake and what is allowed
 */
export function parseLabSpec(text: string, file: string): LabSpec {
  const document = parseDocument(text);
  const [mistake] = document.errors;
  if (mistake) throw new ConfigError(file, mistake.message);
  const fields = asFields(file, document.toJS(), ["sites"]);
  const { sites } = fields;
  if (!Array.isArray(sites) || sites.length === 0 || sites.length > SITES_MAX)
    throw new ConfigError("sites", `must be a list of 1 to ${SITES_MAX} sites`);
  const checked = sites.map((site: unknown, index) =>
    parseSite(`sites[${index}]`, site, index + 1),
  );
  refuseRepeats(checked);
  return { sites: checked };
}

function parseSite(path: string, given: unknown, number: number): SiteSpec {
  const fields = asFields(path, given, SITE_KEYS);
  const { name, hosts = 1, switch: kind = "bridge", avahi = false, ipv6 = false } = fields;
  if (typeof name !== "string" || !SITE_NAME.test(name))
    throw new ConfigError(
      `${path}.name`,
      `${shown(name)} is no site name; 1 to 8 lower-case letters and digits, a letter first`,
    );
  if (typeof hosts !== "number" || !Number.isInteger(hosts) || hosts < 1 || hosts > HOSTS_MAX)
    throw new ConfigError(`${path}.hosts`, `${shown(hosts)} must be 1 to ${HOSTS_MAX}`);
  if (kind !== "ovs" && kind !== "bridge")
    throw new ConfigError(`${path}.switch`, `${shown(kind)} must be ovs or bridge`);
  return {
    name,
    networks: parseNetworks(path, fields["subnet"], asBoolean(`${path}.ipv6`, ipv6), number),
    hosts,
    switch: kind,
    hasAvahi: asBoolean(`${path}.avahi`, avahi),
    uplink: parseUplink(`${path}.uplink`, fields["uplink"] ?? {}),
  };
}

/** Without `subnet`, site n gets 10.n.0.0/24. */
function parseNetworks(
  path: string,
  subnet: unknown,
  hasIpv6: boolean,
  number: number,
): readonly SiteNetwork[] {
  if (subnet !== undefined && typeof subnet !== "string")
    throw new ConfigError(`${path}.subnet`, `${shown(subnet)} must be text like 10.1.0.0/24`);
  const first = parseNetwork(`${path}.subnet`, subnet ?? `10.${number}.0.0/24`);
  if (!hasIpv6 || first.family === 6) return [first];
  return [first, parseNetwork(`${path}.ipv6`, `fd00:${number}::/64`)];
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

function refuseRepeats(sites: readonly SiteSpec[]): void {
  for (const [index, site] of sites.entries()) {
    for (const other of sites.slice(0, index)) {
      if (site.name === other.name)
        throw new ConfigError(`sites[${index}].name`, `"${site.name}" is there twice`);
      for (const network of site.networks) {
        const clash = other.networks.find((one) => overlaps(one, network));
        if (clash)
          throw new ConfigError(
            `sites[${index}].subnet`,
            `${network.text} overlaps ${clash.text} of ${other.name}; give each site its own`,
          );
      }
    }
  }
}

function asFields(path: string, given: unknown, allowed: readonly string[]): Fields {
  const list = allowed.join(", ");
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new ConfigError(path, `${shown(given)} must be a mapping with ${list}`);
  const unknown = Object.keys(given).find((key) => !allowed.includes(key));
  if (unknown !== undefined)
    throw new ConfigError(`${path}.${unknown}`, `no such key; allowed: ${list}`);
  return given as Fields;
}

function asBoolean(path: string, given: unknown): boolean {
  if (typeof given === "boolean") return given;
  throw new ConfigError(path, `${shown(given)} must be true or false`);
}

function shown(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}
