/** A service as it travels in the overlay: the value of a record. */
import { createHash } from "node:crypto";
import { formatAddress, parseAddress } from "../../platform/address.ts";
import { fromBase32, toBase32 } from "../../platform/base32.ts";
import { utf8 } from "../../platform/bytes.ts";
import { WireError } from "../../platform/errors.ts";
import type { ServiceId } from "../zeroconf/service.ts";
import { messageFormat } from "./exchange-schema.ts";
import { KEY_BYTES_MAX } from "./keys.ts";

const ID_BYTES = 32;
const LABEL_BYTES_MAX = 63;
const TXT_STRING_BYTES_MAX = 255;
/** All TXT strings with a length each. A record's value has 4096 bytes, some of them for the rest. */
export const TXT_BYTES_MAX = 2600;
export const EXPORTERS_MAX = 4;
const SUBTYPES_MAX = 16;
const ADDRESSES_MAX = 8;
const PATH_MAX = 4;
const KEYS_MAX = 16;
/** What a record's value may hold; with a box around it, it must be less. */
export const SERVICE_RECORD_BYTES_MAX = 4096;
/** A service is never passed on by whom it was passed to; one hop is all there is. */
export const HOPS_MAX = 1;

/** As lenient as devices are (`bridge/rules/service-type.ts`). */
const TYPE = /^_[a-z0-9](?:[a-z0-9_-]{0,60}[a-z0-9])?\._(?:tcp|udp)$/;
const SUBTYPE = /^[^\p{Cc}]+$/u;

/** Ids of hosts and subnets are base32 text here, as people see them. */
export interface ServiceRecord extends ServiceId {
  readonly originSubnet: string;
  /** 1..4, the acting one first. */
  readonly exporters: readonly string[];
  readonly version: bigint;
  readonly subtypes: readonly string[];
  readonly port: number;
  readonly txt: readonly Uint8Array[];
  /** First label of the SRV target; may be empty. */
  readonly hostLabel: string;
  /** What tells it from others of its name; may be empty. */
  readonly site: string;
  /** Text; none of them link-local or loopback. */
  readonly addresses: readonly string[];
  /** The origin first. */
  readonly path: readonly string[];
  readonly hopsLeft: number;
  readonly isWithdrawn: boolean;
  /** In a sealed record: normalised keys that it would stand under, if it were not sealed. */
  readonly keys: readonly string[];
  /** In a sealed record: it would stand under its type's key. */
  readonly isListed: boolean;
}

interface ServiceMessage {
  originSubnet: Uint8Array;
  exporters: Uint8Array[];
  version: bigint;
  instance: string;
  type: string;
  subtypes: string[];
  port: number;
  txt: Uint8Array[];
  hostLabel: string;
  site: string;
  addresses: Uint8Array[];
  path: Uint8Array[];
  hopsLeft: number;
  isWithdrawn: boolean;
  keys: string[];
  isListed: boolean;
}

const FORMAT = messageFormat<ServiceMessage>("ServiceRecord", SERVICE_RECORD_BYTES_MAX);

/**
 * Which service, wherever it is seen: the same however often it is exported, and by whomever.
 *
 * @returns 52 characters of base32 (32 bytes)
 */
export function originIdOf({
  originSubnet,
  instance,
  type,
}: ServiceId & { readonly originSubnet: string }): string {
  const hash = createHash("sha256");
  // As on a link, the case of ASCII letters tells nothing apart (RFC 6762 §16).
  const label = instance.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  for (const part of ["causeway-origin-1", originSubnet, label, type.toLowerCase()])
    hash.update(utf8(part)).update(Uint8Array.of(0));
  return toBase32(hash.digest());
}

/** @returns the same bytes for the same record */
export function encodeServiceRecord(record: ServiceRecord): Uint8Array {
  return FORMAT.encode({
    ...record,
    originSubnet: fromBase32(record.originSubnet),
    exporters: record.exporters.map(fromBase32),
    subtypes: [...record.subtypes],
    txt: [...record.txt],
    addresses: record.addresses.flatMap((text) => parseAddress(text) ?? []),
    path: record.path.map(fromBase32),
    keys: [...record.keys],
  });
}

/** @throws {WireError} when it is no such record, or one out of bounds */
export function decodeServiceRecord(bytes: Uint8Array): ServiceRecord {
  const message = FORMAT.decode(bytes);
  const { originSubnet, exporters, path, addresses, ...rest } = message;
  checkService(message);
  expect(exporters.length >= 1 && exporters.length <= EXPORTERS_MAX, "1 to 4 exporters");
  expect(path.length >= 1 && path.length <= PATH_MAX, "a path of 1 to 4 subnets");
  expect(addresses.length <= ADDRESSES_MAX, "at most 8 addresses");
  for (const address of addresses)
    expect(address.length === 4 || address.length === 16, "addresses of 4 or 16 bytes");
  return {
    ...rest,
    originSubnet: idText(originSubnet),
    exporters: exporters.map(idText),
    path: path.map(idText),
    addresses: addresses.map((address) => formatAddress(address)),
  };
}

function checkService(message: ServiceMessage): void {
  checkInstance(message.instance);
  expect(TYPE.test(message.type), "a type such as _http._tcp");
  expect(message.port <= 65_535 && message.port >= 0, "a port");
  expect(message.version > 0n, "a version from 1");
  expect(message.hopsLeft <= HOPS_MAX, "at most 1 hop");
  expect(message.subtypes.length <= SUBTYPES_MAX, "at most 16 subtypes");
  for (const subtype of message.subtypes)
    expect(isLabel(subtype) && SUBTYPE.test(subtype), "subtypes that are labels");
  expect(txtBytes(message.txt) <= TXT_BYTES_MAX, `TXT of at most ${TXT_BYTES_MAX} bytes`);
  for (const text of message.txt)
    expect(text.length >= 1 && text.length <= TXT_STRING_BYTES_MAX, "TXT strings of 1..255 bytes");
  expect(message.hostLabel === "" || isPlainLabel(message.hostLabel), "a host label");
  expect(message.site === "" || isPlainLabel(message.site), "a site's name");
  expect(message.keys.length <= KEYS_MAX, "at most 16 keys");
  for (const key of message.keys)
    expect(utf8(key).length <= KEY_BYTES_MAX, `keys of ${KEY_BYTES_MAX} bytes`);
}

/** RFC 6763 §4.1.1. */
function checkInstance(instance: string): void {
  expect(isPlainLabel(instance), "an instance name of 1 to 63 bytes without control characters");
}

function isPlainLabel(text: string): boolean {
  return isLabel(text) && !/\p{Cc}/u.test(text);
}

function isLabel(text: string): boolean {
  const { length } = utf8(text);
  return length >= 1 && length <= LABEL_BYTES_MAX && text.isWellFormed();
}

export function txtBytes(txt: readonly Uint8Array[]): number {
  return txt.reduce((sum, text) => sum + text.length + 1, 0);
}

function idText(bytes: Uint8Array): string {
  expect(bytes.length === ID_BYTES, "ids of 32 bytes");
  return toBase32(bytes);
}

function expect(isRight: boolean, what: string): void {
  if (!isRight) throw new WireError(`not a service record: it needs ${what}`);
}
