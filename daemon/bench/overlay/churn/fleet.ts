/**
 * The hosts of a churn run, in one of two shapes with the same names: as the overlay has them,
 * hosts of a link in one subnet; or flat, each on a link of its own and so a DHT node of its own,
 * with as many copies of a record in all.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UPLINK_MS } from "../sites.ts";
import type { ChurnSubnet } from "./plan.ts";

export type Shape = "subnets" | "flat";

const REPLICAS = 3;
const COPIES = 2;

export interface Fleet {
  readonly shape: Shape;
  /** Items of `sites` of a lab file. */
  readonly sites: readonly string[];
  /** A daemon with its seed, and in the flat shape with its replicas. */
  readonly program: readonly string[];
  /** `copies` of each put. */
  readonly copies: string;
  /** The lab's name of a host. */
  inLab(host: string): string;
  /** Sites whose cut cuts the subnet off. */
  sitesOf(subnet: ChurnSubnet): readonly string[];
  /** Removes its files. */
  remove(): void;
}

/** @param seed each host's own is made of it and the host's name */
export function createFleet(shape: Shape, subnets: readonly ChurnSubnet[], seed: number): Fleet {
  const directory = mkdtempSync(join(tmpdir(), "causeway-churn-"));
  const isFlat = shape === "flat";
  const config = join(directory, "config.yaml");
  writeFileSync(config, `replicas: ${isFlat ? REPLICAS * COPIES : REPLICAS}\n`);
  const site = (name: string, hosts: number): string =>
    `{ name: ${name}, hosts: ${hosts}, uplink: { delay: ${UPLINK_MS}ms } }`;
  const flat = (host: string): string => host.replace("-", "");
  return {
    shape,
    sites: isFlat
      ? subnets.flatMap(({ hosts }) => hosts.map((host) => site(flat(host), 1)))
      : subnets.map(({ name, hosts }) => site(name, hosts.length)),
    program: ["sh", "-c", `exec causeway "$@" --config ${config} --seed ${SEED_OF}`, String(seed)],
    copies: String(isFlat ? 1 : COPIES),
    inLab: (host) => (isFlat ? `${flat(host)}-1` : host),
    sitesOf: ({ name, hosts }) => (isFlat ? hosts.map(flat) : [name]),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** The run's seed is `$0`. The host's name is its own in the lab, as the kernel has it. */
const SEED_OF = '"$(( ($0 + $(hostname | cksum | cut -d" " -f1)) % 4294967296 ))"';

/** Subnets `alpha` to so many with so many hosts each. */
export function subnetsOf(
  names: readonly string[],
  hosts: number,
): readonly [ChurnSubnet, ...ChurnSubnet[]] {
  const [first, ...others] = names.map((name) => ({
    name,
    hosts: Array.from({ length: hosts }, (_, i) => `${name}-${i + 1}`),
  }));
  return [first!, ...others];
}
