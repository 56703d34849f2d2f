/**
 * What a host says of itself on its link: one instance of `_causeway._tcp` (RFC 6763).
 *
 * Instance and host name are made from a tag that no other host has, so names are never probed
 * (RFC 6762 §8.1) nor renamed. The TXT record, whose keys may grow (unknown ones are ignored):
 *
 *     wire=1-2        wire versions that the host speaks
 *     hp=4711         port for streams between hosts; the SRV port is the subnet's
 *     overlay=TAG     absent while the host is in no overlay
 *     subnet=TAG      absent while the host is in no subnet
 *     stamp=MS        when that subnet was made, ms since 1970
 *     gen=N           generation of the subnet's key
 *     sealed=TEXT     in place of `stamp` and `gen`, for those who can open it
 */
import { utf8 } from "../../platform/bytes.ts";
import { WireError } from "../../platform/errors.ts";
import type { DnsName } from "../../platform/dns/name.ts";
import type { DnsData, DnsRecord } from "../../platform/dns/message.ts";

export const SERVICE_TYPE: DnsName = ["_causeway", "_tcp", "local"];

/** What the caller knows of this host; the link adds the addresses. */
export interface HostAnnouncement {
  /** 16..52 base32 characters that no other host has: its id, or a tag that changes. */
  readonly hostTag: string;
  readonly wireMin: number;
  readonly wireMax: number;
  readonly subnetPort: number;
  readonly hostPort: number;
  /** 1..64 letters, digits and hyphens; `null` in no overlay. */
  readonly overlayTag: string | null;
  /** As `overlayTag`; `null` in no subnet. */
  readonly subnetTag: string | null;
  /** When the subnet was made, ms since 1970; 0 without one. */
  readonly stampMs: number;
  /** Of the subnet's key; 0 without a subnet. */
  readonly generation: number;
  /** Both of the above, hidden; they are 0 then. */
  readonly sealed?: string;
}

export interface Announcement extends HostAnnouncement {
  /** Text without zones, at most `ADDRESSES_MAX`. */
  readonly addresses: readonly string[];
}

export const ADDRESSES_MAX = 8;
/** RFC 6762 §10: records with a host's name in them, and all others. */
export const HOST_TTL_S = 120;
export const OTHER_TTL_S = 4500;

const HOST_TAG = /^[a-z2-7]{16,52}$/;
const TAG = /^[a-z0-9-]{1,64}$/;
const RANGE = /^(\d{1,5})-(\d{1,5})$/;
const NUMBER = /^\d{1,16}$/;
const PORT_MAX = 0xffff;
const TXT_STRINGS_MAX = 64;
const TEXT = new TextDecoder();

export function isHostTag(text: string): boolean {
  return HOST_TAG.test(text);
}

export function instanceName(hostTag: string): DnsName {
  return [hostTag, ...SERVICE_TYPE];
}

/** Two labels, so that simple resolvers (nss-mdns) take it. */
export function hostName(hostTag: string): DnsName {
  return [`causeway-${hostTag}`, "local"];
}

/** Lower-case tag of an instance of our type; `undefined` for any other name. */
export function hostTagOf(name: DnsName): string | undefined {
  if (name.length !== SERVICE_TYPE.length + 1) return undefined;
  if (SERVICE_TYPE.some((label, i) => name[i + 1]!.toLowerCase() !== label)) return undefined;
  const tag = name[0]!.toLowerCase();
  return isHostTag(tag) ? tag : undefined;
}

/** The records of an announcement; each has its full lifetime. */
export interface AnnouncementRecords {
  readonly ptr: DnsRecord;
  readonly srv: DnsRecord;
  readonly txt: DnsRecord;
  readonly addresses: readonly DnsRecord[];
}

/** @param a its tag must pass `isHostTag` */
export function encodeAnnouncement(a: Announcement): AnnouncementRecords {
  const instance = instanceName(a.hostTag);
  const host = hostName(a.hostTag);
  const unique = { isFlush: true, ttlS: HOST_TTL_S };
  return {
    ptr: {
      name: SERVICE_TYPE,
      ttlS: OTHER_TTL_S,
      // Shared by all hosts: never flushed (RFC 6762 §10.2).
      isFlush: false,
      type: "ptr",
      target: instance,
    },
    srv: {
      name: instance,
      ...unique,
      type: "srv",
      priority: 0,
      weight: 0,
      port: a.subnetPort,
      target: host,
    },
    txt: {
      name: instance,
      isFlush: true,
      ttlS: OTHER_TTL_S,
      type: "txt",
      strings: encodeStrings(a).map((text) => utf8(text)),
    },
    addresses: a.addresses.slice(0, ADDRESSES_MAX).map((address) => ({
      name: host,
      ...unique,
      type: address.includes(":") ? "aaaa" : "a",
      address,
    })),
  };
}

/**
 * Reads an announcement from its records.
 *
 * @throws {WireError} when a needed key is missing or a value breaks its form
 */
export function decodeAnnouncement(
  hostTag: string,
  srv: Extract<DnsData, { type: "srv" }>,
  strings: readonly Uint8Array[],
  addresses: readonly string[],
): Announcement {
  const values = readValues(strings);
  const [wireMin, wireMax] = readRange(values);
  const subnetTag = readTag(values, "subnet");
  const sealed = readTag(values, "sealed");
  const isPlain = subnetTag !== null && sealed === null;
  return {
    hostTag,
    wireMin,
    wireMax,
    subnetPort: bounded("SRV port", srv.port, 1, PORT_MAX),
    hostPort: readNumber(values, "hp", 1, PORT_MAX),
    overlayTag: readTag(values, "overlay"),
    subnetTag,
    stampMs: isPlain ? readNumber(values, "stamp", 0, Number.MAX_SAFE_INTEGER) : 0,
    generation: isPlain ? readNumber(values, "gen", 0, 0xffffffff) : 0,
    ...(sealed === null ? {} : { sealed }),
    addresses: addresses.slice(0, ADDRESSES_MAX),
  };
}

function encodeStrings(a: HostAnnouncement): string[] {
  const strings = [`wire=${a.wireMin}-${a.wireMax}`, `hp=${a.hostPort}`];
  if (a.overlayTag !== null) strings.push(`overlay=${a.overlayTag}`);
  if (a.subnetTag !== null) strings.push(`subnet=${a.subnetTag}`);
  if (a.sealed !== undefined) strings.push(`sealed=${a.sealed}`);
  else if (a.subnetTag !== null) strings.push(`stamp=${a.stampMs}`, `gen=${a.generation}`);
  return strings;
}

/** RFC 6763 §6.4: keys without case, the first of a key wins, a string without a key is ignored. */
function readValues(strings: readonly Uint8Array[]): ReadonlyMap<string, string> {
  if (strings.length > TXT_STRINGS_MAX) throw new WireError("too many TXT strings");
  const values = new Map<string, string>();
  for (const bytes of strings) {
    const text = TEXT.decode(bytes);
    const at = text.indexOf("=");
    const key = text.slice(0, Math.max(at, 0)).toLowerCase();
    if (key !== "" && !values.has(key)) values.set(key, text.slice(at + 1));
  }
  return values;
}

function readRange(values: ReadonlyMap<string, string>): [number, number] {
  const range = RANGE.exec(values.get("wire") ?? "");
  if (range === null) throw new WireError("TXT wire is not a range of versions");
  const min = bounded("TXT wire", Number(range[1]), 1, PORT_MAX);
  return [min, bounded("TXT wire", Number(range[2]), min, PORT_MAX)];
}

function readTag(values: ReadonlyMap<string, string>, key: string): string | null {
  const value = values.get(key)?.toLowerCase();
  if (value === undefined) return null;
  if (!TAG.test(value)) throw new WireError(`TXT ${key} is not a tag`);
  return value;
}

function readNumber(
  values: ReadonlyMap<string, string>,
  key: string,
  min: number,
  max: number,
): number {
  const text = values.get(key) ?? "";
  if (!NUMBER.test(text)) throw new WireError(`TXT ${key} is not a number`);
  return bounded(`TXT ${key}`, Number(text), min, max);
}

function bounded(what: string, value: number, min: number, max: number): number {
  if (value < min || value > max) throw new WireError(`${what} ${value} is not ${min}..${max}`);
  return value;
}
