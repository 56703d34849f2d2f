/** `ADDRESS:PORT`, the form in which addresses stand in statements, tokens and output. */
import { WireError } from "../platform/errors.ts";
import { parseAddress as parseIp } from "../platform/address.ts";

export interface Address {
  readonly family: 4 | 6;
  readonly host: string;
  readonly port: number;
}

/** An address to dial from this host; a link-local one has the zone of an interface of its own. */
export interface DialableAddress extends Address {
  readonly zone?: string;
}

const IPV4 = /^(\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})$/;
const IPV6 = /^\[([0-9a-fA-F:.]{2,45})\]:(\d{1,5})$/;

/** @throws {WireError} unless `text` is `1.2.3.4:5` or `[fd00::1]:5` */
export function parseAddress(text: string): Address {
  const match = IPV4.exec(text) ?? IPV6.exec(text);
  const port = Number(match?.[2]);
  const host = match?.[1];
  const isAddress = host !== undefined && parseIp(host) !== undefined;
  if (!isAddress || !(port >= 1 && port <= 65535))
    throw new WireError(`"${text.slice(0, 60)}" is not ADDRESS:PORT`);
  return { family: host.includes(":") ? 6 : 4, host, port };
}

/**
 * As `parseAddress`, with an optional zone (`[fe80::1%eth0]:5`), which no other host can use.
 *
 * @throws {WireError}
 */
export function parseDialable(text: string): DialableAddress {
  const match = /^\[([^%\]]+)%([\w.-]{1,15})\]:(\d+)$/.exec(text);
  if (match === null) return parseAddress(text);
  return { ...parseAddress(`[${match[1]}]:${match[3]}`), zone: match[2]! };
}

export function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** As libp2p writes it. */
export function toMultiaddrText({ family, host, port, zone }: DialableAddress): string {
  const where = zone === undefined ? "" : `/ip6zone/${zone}`;
  return `${where}/ip${family}/${host}/tcp/${port}`;
}

/** The IP address of a multiaddr, with its zone if it has one; empty when it has no address. */
export function ipOfMultiaddrText(text: string): string {
  const [, zone, host = ""] = /^(?:\/ip6zone\/([^/]+))?\/ip[46]\/([^/]+)/.exec(text) ?? [];
  return zone === undefined ? host : `${host}%${zone}`;
}

const MULTIADDR = /^\/ip([46])\/([^/]+)\/tcp\/(\d+)/;

/** `undefined` for anything but a bare TCP address, such as a relay's circuit. */
export function fromMultiaddrText(text: string): string | undefined {
  const match = MULTIADDR.exec(text);
  return match === null ? undefined : formatAddress(match[2]!, Number(match[3]));
}
