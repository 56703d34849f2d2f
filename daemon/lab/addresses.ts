/**
 * The addresses of a site: host k has `.10+k`, the gateway `.1`.
 *
 * IPv6 addresses end in the same digits, read as hexadecimal: `10.1.0.11` and `fd00:1::11`.
 */
import { isIPv4, isIPv6 } from "node:net";
import { ConfigError } from "../../platform/errors.ts";

export interface SiteNetwork {
  readonly family: 4 | 6;
  /** `10.1.0.0/24` or `fd00:1::/64`. */
  readonly text: string;
  readonly prefixBits: number;
  /** First address and the first one after, for overlaps. */
  readonly first: bigint;
  readonly end: bigint;
}

/** Room for host numbers up to 64 behind `.10`, and 52 visitors. */
const IPV4_PREFIX_MAX = 25;
const IPV4_PREFIX_MIN = 8;
const IPV6_PREFIX = 64;
const HOST_OFFSET = 10;
const GATEWAY = 1;
/**
 * Where the outer addresses of home routers are from. It looks public, because port mapping refuses
 * to work on an address that does not; nothing of it leaves the lab's namespaces.
 */
export const OUTER_NETWORKS = "11.0.0.0/16";
const OUTER_PREFIX = 30;

/** @throws {ConfigError} unless it is a network that a site may have */
export function parseNetwork(path: string, text: string): SiteNetwork {
  const [address = "", bits = "", ...rest] = text.split("/");
  const prefixBits = /^\d{1,3}$/.test(bits) ? Number(bits) : NaN;
  if (rest.length === 0 && isIPv4(address) && isWithin(prefixBits)) {
    const first = BigInt(ipv4Value(address));
    return checkedNetwork(path, 4, text, prefixBits, first, 32 - prefixBits);
  }
  if (rest.length === 0 && isPlainIpv6(address) && prefixBits === IPV6_PREFIX)
    return checkedNetwork(path, 6, text, prefixBits, ipv6Value(address), 64);
  throw new ConfigError(
    path,
    `"${text}" is no network for a site; write one like 10.1.0.0/24 (IPv4, /8 to /25) ` +
      "or fd00:1::/64 (IPv6, /64)",
  );
}

/** Whether a network gives this address to hosts: not to its router, nor to all of them. */
export function holdsHost(network: SiteNetwork, address: string): boolean {
  const isOfFamily = network.family === 4 ? isIPv4(address) : isPlainIpv6(address);
  if (!isOfFamily) return false;
  const value = addressValue(address);
  return value > network.first + BigInt(GATEWAY) && value < network.end - 1n;
}

/** @param address valid, without an embedded IPv4 address */
export function addressValue(address: string): bigint {
  return isIPv4(address) ? BigInt(ipv4Value(address)) : ipv6Value(address);
}

export function overlaps(a: SiteNetwork, b: SiteNetwork): boolean {
  return a.family === b.family && a.first < b.end && b.first < a.end;
}

/** @param number 1 to 64; visitors to 116 */
export function hostAddress(network: SiteNetwork, number: number): string {
  return addressAt(network, HOST_OFFSET + number);
}

export function gatewayAddress(network: SiteNetwork): string {
  return addressAt(network, GATEWAY);
}

/** @param number of a host (1 to 64) or of one of the site's routers, in its site */
export function hardwareAddress(siteNumber: number, number: number): string {
  return `02:00:00:00:${[siteNumber, number].map((n) => n.toString(16).padStart(2, "0")).join(":")}`;
}

/** The address that the kernel makes of a hardware address by itself (RFC 4291, appendix A). */
export function linkLocalAddress(hardware: string): string {
  const bytes = hardware.split(":").map((byte) => Number.parseInt(byte, 16));
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes;
  const groups = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  const text = groups.map((group) => group.toString(16));
  return `fe80::${(text[0] === "0" ? text.slice(1) : text).join(":")}`;
}

/** The first address of a site's uplink is the wide area's, the second the home router's. */
export function outerAddresses(siteNumber: number): { core: string; router: string } {
  const first = ipv4Value(OUTER_NETWORKS.split("/")[0]!) + siteNumber * 256;
  const [core, router] = [1, 2].map((offset) => `${ipv4Text(first + offset)}/${OUTER_PREFIX}`);
  return { core: core!, router: router! };
}

function addressAt({ family, first }: SiteNetwork, offset: number): string {
  if (family === 4) return ipv4Text(Number(first) + offset);
  const groups = [112n, 96n, 80n, 64n].map((shift) => ((first >> shift) & 0xffffn).toString(16));
  while (groups.at(-1) === "0") groups.pop();
  return `${groups.join(":")}::${offset}`;
}

/** Without a zone or an embedded IPv4 address. */
function isPlainIpv6(address: string): boolean {
  return isIPv6(address) && !/[.%]/.test(address);
}

function checkedNetwork(
  path: string,
  family: 4 | 6,
  text: string,
  prefixBits: number,
  first: bigint,
  hostBits: number,
): SiteNetwork {
  const size = 1n << BigInt(hostBits);
  if (first % size !== 0n)
    throw new ConfigError(path, `"${text}" has bits set behind /${prefixBits}; clear them`);
  return { family, text, prefixBits, first, end: first + size };
}

function isWithin(prefixBits: number): boolean {
  return prefixBits >= IPV4_PREFIX_MIN && prefixBits <= IPV4_PREFIX_MAX;
}

function ipv4Text(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join(".");
}

function ipv4Value(address: string): number {
  return address.split(".").reduce((value, octet) => value * 256 + Number(octet), 0);
}

/** @param address valid, without an embedded IPv4 address */
function ipv6Value(address: string): bigint {
  const [head = "", tail] = address.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  const groups = tail === undefined ? left : [...left, ...zeros, ...right];
  return groups.reduce((value, group) => (value << 16n) + BigInt(`0x${group}`), 0n);
}
