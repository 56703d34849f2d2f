/**
 * What is known of a lab between commands: one directory, written before anything is made.
 *
 * `/run/causeway-lab/NAME/`: `lab.json` (this record), `hosts/HOST/` (state, socket, log and Avahi of
 * a host), `links/SITE.json` (the uplink as it is set now), `ovs/`, `wire.sock`.
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
import { nearestNames } from "../nearest.ts";
import { gatewayAddress, hostAddress } from "./addresses.ts";
import { LabError } from "./errors.ts";
import type { ProcessMark } from "./processes.ts";
import type { LabSpec, SwitchType, UplinkSettings } from "./spec.ts";

export const LABS_DIRECTORY = "/run/causeway-lab";
export const DEFAULT_LAB = "lab";
const LAB_NAME = /^[a-z][a-z0-9]{0,11}$/;

export interface HostRecord {
  /** `SITE-1` and on. */
  readonly name: string;
  readonly site: string;
  /** From 1, in its site. */
  readonly number: number;
  /** Name of its network namespace. */
  readonly namespace: string;
  /** With prefix lengths, IPv4 first. */
  readonly addresses: readonly string[];
}

export interface SiteRecord {
  readonly name: string;
  /** From 1, in the lab. */
  readonly number: number;
  readonly switch: SwitchType;
  readonly hasAvahi: boolean;
  /** Addresses of the core router in this site, with prefix lengths. */
  readonly gateways: readonly string[];
  readonly hosts: readonly HostRecord[];
  /** As the file has it. */
  readonly uplink: UplinkSettings;
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
    gateways: site.networks.map((one) => `${gatewayAddress(one)}/${one.prefixBits}`),
    uplink: site.uplink,
    hosts: Array.from({ length: site.hosts }, (_, i) => ({
      name: `${site.name}-${i + 1}`,
      site: site.name,
      number: i + 1,
      namespace: `${prefix}${site.name}-${i + 1}`,
      addresses: site.networks.map((one) => `${hostAddress(one, i + 1)}/${one.prefixBits}`),
    })),
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

export function labHosts(lab: LabRecord): readonly HostRecord[] {
  return lab.sites.flatMap(({ hosts }) => hosts);
}

export function labNamespaces(lab: LabRecord): readonly string[] {
  const hosts = labHosts(lab).map(({ namespace }) => namespace);
  return [lab.switchNamespace, lab.coreNamespace, ...hosts];
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
