/** `ADDRESS:PORT`, the form in which addresses stand in statements, tokens and output. */
import { WireError } from "../platform/errors.ts";
import { parseAddress as parseIp } from "./link/address.ts";

export interface Address {
  readonly family: 4 | 6;
  readonly host: string;
  readonly port: number;
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

export function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** As libp2p writes it. */
export function toMultiaddrText(address: Address): string {
  return `/ip${address.family}/${address.host}/tcp/${address.port}`;
}

const MULTIADDR = /^\/ip([46])\/([^/]+)\/tcp\/(\d+)/;

/** `undefined` for anything but a bare TCP address, such as a relay's circuit. */
export function fromMultiaddrText(text: string): string | undefined {
  const match = MULTIADDR.exec(text);
  return match === null ? undefined : formatAddress(match[2]!, Number(match[3]));
}
