/**
 * What is known of a lab between commands: one directory, written before anything is made.
 *
 * `/run/causeway-lab/NAME/`: `lab.json` (this record), `hosts/HOST/` (state, socket, log and Avahi of
 * a host), `links/SITE.json` (the uplink as it is set now), `places.json` (hosts that moved),
 * `ways.json` (faults between two sites), `routers/SITE/`, `ovs/`, `wire.sock`.
 */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ConfigError } from "../../platform/errors.ts";
import { nearestNames } from "../../platform/nearest.ts";
import {
  gatewayAddress,
  hardwareAddress,
  hostAddress,
  linkLocalAddress,
  outerAddresses,
  type SiteNetwork,
} from "./addresses.ts";
import { LabError } from "./errors.ts";
import type { ProcessMark } from "./processes.ts";
import type { NatSpec, PortMapping, SiteSpec, SwitchType, UplinkSettings } from "./site-spec.ts";
import type { LabSpec } from "./spec.ts";

export const LABS_DIRECTORY = "/run/causeway-lab";
export const DEFAULT_LAB = "lab";
const LAB_NAME = /^[a-z][a-z0-9]{0,11}$/;

export interface HostRecord {
  /** `SITE-1` and on, after the site where it is at home. */
  readonly name: string;
  /** The site that it is named after. */
  readonly home: string;
  /** The site that it is plugged into; `undefined` for none. */
  readonly site: string | undefined;
  /** From 1, in its home site. */
  readonly number: number;
  /** Name of its network namespace. */
  readonly namespace: string;
  /** Of `eth0`, wherever it is plugged in. */
  readonly hardware: string;
  /** With prefix lengths, IPv4 first. */
  readonly addresses: readonly string[];
}

/** The home router of a site behind NAT: its site on one side, the wide area on the other. */
export interface RouterRecord {
  /** Name of its network namespace. */
  readonly namespace: string;
  /** What the wide area sees of all the site's hosts, with the prefix length of the uplink. */
  readonly outer: string;
  /** The wide area's end of the uplink, with its prefix length. */
  readonly upstream: string;
  readonly portMapping: PortMapping | null;
}

export interface SiteRecord {
  readonly name: string;
  /** From 1, in the lab. */
  readonly number: number;
  readonly switch: SwitchType;
  readonly hasAvahi: boolean;
  /** None to two, IPv4 first, as `parseNetwork` reads them. */
  readonly networks: readonly string[];
  /** Addresses of the router in this site, with prefix lengths. */
  readonly gateways: readonly string[];
  /** `null` where the core router itself stands in the site. */
  readonly router: RouterRecord | null;
  readonly hosts: readonly HostRecord[];
  /** As the file has it. */
  readonly uplink: UplinkSettings;
  /** Names of each host's interfaces beside `eth0`. */
  readonly extras: readonly string[];
  /** Of each host's own disk; `null` for none of its own. */
  readonly diskBytes: number | null;
}

export interface LabRecord {
  readonly version: 1;
  readonly name: string;
  /** `false` until everything was made. */
  readonly isReady: boolean;
  /** The process that makes it. */
  readonly maker: ProcessMark;
  /** Namespace of all switches and of the wires between them and the core. */
  readonly switchNamespace: string;
  /** Namespace of the router where all sites meet. */
  readonly coreNamespace: string;
  readonly sites: readonly SiteRecord[];
}

/** An uplink as it is now. */
export interface LinkState extends UplinkSettings {
  /** Hosts that are cut from the rest of their own link. */
  readonly split: readonly string[];
}

export function planLab(spec: LabSpec, name: string, maker: ProcessMark): LabRecord {
  const prefix = name === DEFAULT_LAB ? "" : `${name}.`;
  const sites = spec.sites.map((site, index) => ({
    name: site.name,
    number: index + 1,
    switch: site.switch,
    hasAvahi: site.hasAvahi,
    networks: site.networks.map(({ text }) => text),
    gateways: site.networks.map((one) => `${gatewayAddress(one)}/${one.prefixBits}`),
    router: site.nat && planRouter(site.nat, `${prefix}${site.name}-rt`, index + 1),
    uplink: site.uplink,
    extras: site.extras,
    diskBytes: site.diskBytes,
    hosts: Array.from({ length: site.hosts }, (_, i) => planHost(site, index + 1, i + 1, prefix)),
  }));
  return {
    version: 1,
    name,
    isReady: false,
    maker,
    switchNamespace: `${name}-sw`,
    coreNamespace: `${name}-core`,
    sites,
  };
}

function planHost(site: SiteSpec, siteNumber: number, number: number, prefix: string): HostRecord {
  const name = `${site.name}-${number}`;
  const hardware = hardwareAddress(siteNumber, number);
  return {
    name,
    home: site.name,
    site: site.name,
    number,
    namespace: `${prefix}${name}`,
    hardware,
    addresses: addressesAt(site.networks, number, hardware),
  };
}

function planRouter({ portMapping }: NatSpec, namespace: string, number: number): RouterRecord {
  const { core: upstream, router: outer } = outerAddresses(number);
  return { namespace, outer, upstream, portMapping };
}

/**
 * The addresses of a host in a site, with prefix lengths.
 *
 * @param seat `number` of a host that is at home; visitors have higher ones
 */
export function addressesAt(
  networks: readonly SiteNetwork[],
  seat: number,
  hardware: string,
): readonly string[] {
  if (networks.length === 0) return [`${linkLocalAddress(hardware)}/64`];
  return networks.map((one) => `${hostAddress(one, seat)}/${one.prefixBits}`);
}

/** All hosts as the file has them, wherever they are now. */
export function labHosts(lab: LabRecord): readonly HostRecord[] {
  return lab.sites.flatMap(({ hosts }) => hosts);
}

export function labNamespaces(lab: LabRecord): readonly string[] {
  const hosts = labHosts(lab).map(({ namespace }) => namespace);
  const routers = lab.sites.flatMap(({ router }) => (router === null ? [] : [router.namespace]));
  return [lab.switchNamespace, lab.coreNamespace, ...routers, ...hosts];
}

/** @throws {ConfigError} naming the hosts there are */
export function findHost(lab: LabRecord, name: string): HostRecord {
  const hosts = labHosts(lab);
  const found = hosts.find((host) => host.name === name);
  if (found) return found;
  throw new ConfigError("HOST", `no host "${name}" in lab ${lab.name}${near(name, hosts)}`);
}

/** @throws {ConfigError} naming the sites there are */
export function findSite(lab: LabRecord, name: string): SiteRecord {
  const found = lab.sites.find((site) => site.name === name);
  if (found) return found;
  throw new ConfigError("SITE", `no site "${name}" in lab ${lab.name}${near(name, lab.sites)}`);
}

function near(name: string, known: readonly { readonly name: string }[]): string {
  const names = known.map((one) => one.name);
  const [nearest] = nearestNames(name, names);
  if (nearest !== undefined) return `; did you mean ${nearest}?`;
  const shown = names.slice(0, 8).join(", ");
  return `; it has ${shown}${names.length > 8 ? ` and ${names.length - 8} more` : ""}`;
}

/** @throws {ConfigError} unless it is a name for a lab */
export function labDirectory(name: string): string {
  if (LAB_NAME.test(name)) return join(LABS_DIRECTORY, name);
  throw new ConfigError(
    "--name",
    `"${name}" is no lab name; 1 to 12 lower-case letters and digits, a letter first`,
  );
}

export function hostDirectory(lab: string, host: string): string {
  return join(labDirectory(lab), "hosts", host);
}

/** Names of all labs, also of half made ones. */
export function labNames(): string[] {
  if (!existsSync(LABS_DIRECTORY)) return [];
  return readdirSync(LABS_DIRECTORY).filter((name) => LAB_NAME.test(name));
}

/** @returns `undefined` when there is no such lab, or one that has no record yet */
export function readRecord(name: string): LabRecord | undefined {
  return readJson(join(labDirectory(name), "lab.json")) as LabRecord | undefined;
}

/** @throws {LabError} ERR_LAB_ABSENT when there is none, or none that is complete */
export function readyRecord(name: string): LabRecord {
  const record = readRecord(name);
  if (record?.isReady) return record;
  const flag = name === DEFAULT_LAB ? "" : ` --name ${name}`;
  throw new LabError(
    "ERR_LAB_ABSENT",
    record
      ? `lab ${name} is not complete; remove it with "causeway lab down${flag}"`
      : `no lab called ${name}; make one with "causeway lab up FILE${flag}"`,
  );
}

export function writeRecord(record: LabRecord): void {
  writeJson(join(labDirectory(record.name), "lab.json"), record);
}

export function readLink(lab: string, site: SiteRecord): LinkState {
  const stored = readJson(linkFile(lab, site)) as LinkState | undefined;
  return stored ?? { ...site.uplink, split: [] };
}

export function writeLink(lab: string, site: SiteRecord, state: LinkState): void {
  mkdirSync(join(labDirectory(lab), "links"), { recursive: true });
  writeJson(linkFile(lab, site), state);
}

function linkFile(lab: string, site: SiteRecord): string {
  return join(labDirectory(lab), "links", `${site.name}.json`);
}

export function readJson(path: string): unknown {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}

/** Whole or not at all, whoever reads and whenever we are killed. */
export function writeJson(path: string, value: unknown): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(draft, path);
}
