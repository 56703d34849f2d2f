/**
 * The records of a service or host that we answer for (RFC 6763 §4 to §7, §9).
 *
 * Hosts and addresses may be foreign: none are added of our own (proxy registration).
 */
import { formatAddress, parseAddress } from "../../platform/address.ts";
import { utf8 } from "../../platform/bytes.ts";
import type { DnsData, DnsRecord } from "../../platform/dns/message.ts";
import type { DnsName } from "../../platform/dns/name.ts";
import { BridgeError } from "../errors.ts";
import { LABEL_BYTES_MAX, isInstanceLabel } from "../zeroconf/instance-name.ts";
import type { ServiceId, ZeroconfService } from "../zeroconf/service.ts";

/** RFC 6762 §10: records with a host in them live short, others long. */
export const HOST_TTL_S = 120;
export const OTHER_TTL_S = 4500;

const DOMAIN: DnsName = ["local"];
/** RFC 6763 §9: the list of the service types of a link. */
export const ALL_TYPES: DnsName = ["_services", "_dns-sd", "_udp", ...DOMAIN];
const SUBTYPE_MARK = "_sub";
/** As lenient as devices are (`bridge/rules/service-type.ts`). */
const TYPE = /^_[a-z0-9_-]{1,62}\._(?:tcp|udp)$/i;
const NAME_BYTES_MAX = 255;
/** RFC 6762 §17: 9000 bytes a packet with all headers, and the SRV's name in it. */
const TXT_BYTES_MAX = 8500;
const STRING_BYTES_MAX = 255;
const PORT_MAX = 65_535;

/** A record that a registration brings. */
export interface ClaimedRecord {
  readonly record: DnsRecord;
  /** Nobody else may have another of this name and type. */
  readonly isUnique: boolean;
  /** Others on the link have the very same. */
  readonly isShared: boolean;
}

/** `_http._tcp` as labels, with the domain. */
export function typeName(type: string): DnsName {
  return [...type.split("."), ...DOMAIN];
}

export function instanceName({ instance, type }: ServiceId): DnsName {
  return [instance, ...typeName(type)];
}

export function subtypeName(subtype: string, type: string): DnsName {
  return [subtype, SUBTYPE_MARK, ...typeName(type)];
}

/** What is between the instance's label and the domain; `undefined` for the name of no service. */
export function serviceIdOf(name: DnsName): ServiceId | undefined {
  const [instance, application, protocol, ...domain] = name;
  if (instance === undefined || domain.length !== 1) return undefined;
  if (domain[0]!.toLowerCase() !== DOMAIN[0]) return undefined;
  const type = `${application}.${protocol}`.toLowerCase();
  return TYPE.test(type) ? { instance, type } : undefined;
}

/** `_printer._sub._http._tcp.local` taken apart. */
export function subtypeOf(name: DnsName): { subtype: string; type: string } | undefined {
  const [subtype, mark, ...rest] = name;
  if (subtype === undefined || mark?.toLowerCase() !== SUBTYPE_MARK) return undefined;
  const id = serviceIdOf([subtype, ...rest]);
  return id === undefined ? undefined : { subtype, type: id.type };
}

/** `_http._tcp.local` as text; `undefined` for the name of no service type. */
export function serviceTypeOf(name: DnsName): string | undefined {
  return serviceIdOf(["", ...name])?.type;
}

/** @throws {BridgeError} ERR_BRIDGE_NAME for what DNS-SD does not allow, ERR_BRIDGE_LIMIT for its size */
export function ensurePublishable(service: ZeroconfService): void {
  const { instance, type, subtypes, host, port, txt, addresses } = service;
  const name = JSON.stringify(instance);
  if (!isInstanceLabel(instance))
    throw unfit(`${name} is no instance name: 1 to 63 bytes in NFC, without control characters`);
  ensureServiceType(type);
  for (const subtype of subtypes)
    if (!isLabel(subtype)) throw unfit(`${JSON.stringify(subtype)} is no subtype of ${name}`);
  ensureHost(host, addresses);
  if (!Number.isInteger(port) || port < 0 || port > PORT_MAX)
    throw unfit(`${port} is no port of ${name}; 0 to ${PORT_MAX} are`);
  if (nameBytes(instanceName(service)) > NAME_BYTES_MAX) throw unfit(`${name} is too long`);
  const bytes = txt.reduce((sum, text) => sum + 1 + text.length, 0);
  if (txt.some((text) => text.length === 0 || text.length > STRING_BYTES_MAX))
    throw unfit(`a TXT string of ${name} is empty or longer than ${STRING_BYTES_MAX} bytes`);
  if (bytes > TXT_BYTES_MAX)
    throw new BridgeError(
      "ERR_BRIDGE_LIMIT",
      `the TXT of ${name} has ${bytes} bytes; one packet holds ${TXT_BYTES_MAX}`,
    );
}

/** @throws {BridgeError} ERR_BRIDGE_NAME */
export function ensureServiceType(type: string): void {
  if (!TYPE.test(type))
    throw unfit(`${JSON.stringify(type)} is no service type; "_http._tcp" is one`);
}

/** @throws {BridgeError} ERR_BRIDGE_NAME */
export function ensureHost(host: DnsName, addresses: readonly string[]): void {
  if (host.length < 2 || !host.every(isLabel) || nameBytes(host) > NAME_BYTES_MAX)
    throw unfit(`${JSON.stringify(host.join("."))} is no host name on a link; "name.local" is one`);
  const bad = addresses.find((address) => parseAddress(address) === undefined);
  if (bad !== undefined) throw unfit(`${JSON.stringify(bad)} is no address of ${host.join(".")}`);
}

/** @param isShared see `Registration` */
export function serviceRecords(service: ZeroconfService, isShared: boolean): ClaimedRecord[] {
  const { type, subtypes, host, port, txt, addresses } = service;
  const name = instanceName(service);
  const pointer = (from: DnsName, target: DnsName): ClaimedRecord => ({
    record: recordOf(from, { type: "ptr", target }),
    isUnique: false,
    isShared,
  });
  const own = (data: DnsData): ClaimedRecord => ({
    record: recordOf(name, data),
    isUnique: true,
    isShared,
  });
  return [
    pointer(typeName(type), name),
    ...subtypes.map((subtype) => pointer(subtypeName(subtype, type), name)),
    // RFC 6763 §9
    pointer(ALL_TYPES, typeName(type)),
    own({ type: "srv", priority: 0, weight: 0, port, target: host }),
    own({ type: "txt", strings: txt }),
    ...addressRecords(host, addresses, isShared),
  ];
}

export function addressRecords(
  host: DnsName,
  addresses: readonly string[],
  isShared: boolean,
): ClaimedRecord[] {
  const plain = addresses.map((address) => formatAddress(parseAddress(address)!));
  return [...new Set(plain)].map((address) => ({
    record: recordOf(host, { type: address.includes(":") ? "aaaa" : "a", address }),
    isUnique: !isShared,
    isShared,
  }));
}

function recordOf(name: DnsName, data: DnsData): DnsRecord {
  const isOfHost = data.type === "srv" || data.type === "a" || data.type === "aaaa";
  return { name, ttlS: isOfHost ? HOST_TTL_S : OTHER_TTL_S, isFlush: false, ...data };
}

function isLabel(text: string): boolean {
  const bytes = utf8(text).length;
  return bytes > 0 && bytes <= LABEL_BYTES_MAX && text.isWellFormed();
}

function nameBytes(name: DnsName): number {
  return name.reduce((sum, label) => sum + 1 + utf8(label).length, 1);
}

function unfit(message: string): BridgeError {
  return new BridgeError("ERR_BRIDGE_NAME", message);
}
