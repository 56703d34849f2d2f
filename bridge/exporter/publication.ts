/** What an exporter has to say of a service, and under which keys it says so. */
import { parseAddress, isIpv6LinkLocal } from "../../platform/address.ts";
import { inboxKey, normalizeKey, typeKey, wordKey } from "../exchange/keys.ts";
import {
  HOPS_MAX,
  SERVICE_RECORD_BYTES_MAX,
  txtBytes,
  TXT_BYTES_MAX,
  type ServiceRecord,
} from "../exchange/service-record.ts";
import type { Grant, KnownSubnets } from "../rules/matching.ts";
import type { ZeroconfService } from "../zeroconf/service.ts";

const SUBTYPES_MAX = 16;
const ADDRESSES_MAX = 8;
const KEYS_MAX = 15;
const RECIPIENTS_MAX = 64;
/** Ids, version and the site's name take the rest of a record. */
const WIRE_BYTES_MAX = SERVICE_RECORD_BYTES_MAX - 290;

/** One record to put: in the open, or sealed to one host. */
export interface Publication {
  /** Text of the key. */
  readonly key: string;
  /** Many may stand there, so that it grows branches. */
  readonly isSharded: boolean;
  /** Host id; `undefined` in the open. */
  readonly sealedTo: string | undefined;
  /** What a sealed record says of the keys it would stand under. */
  readonly keys: readonly string[];
  readonly isListed: boolean;
}

/** Who exports, as of now. */
export interface ExportingSite {
  readonly subnetId: string;
  /** What tells its services from others of their name. */
  readonly siteName: string;
  /** Host ids, this one first. */
  readonly exporters: readonly string[];
}

/** @returns why the service cannot be exported as it is; `undefined` when it can */
export function exportProblem(service: ZeroconfService): string | undefined {
  const { port, txt, addresses } = service;
  if (port === 0) return "it keeps its name and offers nothing (port 0)";
  if (addresses.length === 0) return "its host has no address";
  if (txtBytes(txt) > TXT_BYTES_MAX)
    return `its TXT record has ${txtBytes(txt)} bytes; at most ${TXT_BYTES_MAX} fit in a record`;
  if (wireBytes(service) > WIRE_BYTES_MAX)
    return `its ${txt.length} TXT strings and ${service.subtypes.length} subtypes are too many for a record`;
  return undefined;
}

/** What it brings into a record, each with a tag and a length before it. */
function wireBytes({ instance, type, host, txt, subtypes, addresses }: ZeroconfService): number {
  const texts = [instance, type, host[0] ?? "", ...subtypes.slice(0, SUBTYPES_MAX)];
  const sizes = [
    ...txt.map((text) => text.length),
    ...texts.map((text) => Buffer.byteLength(text)),
    ...addresses.slice(0, ADDRESSES_MAX).map((address) => (address.includes(":") ? 16 : 4)),
  ];
  return sizes.reduce((sum, bytes) => sum + bytes + (bytes < 128 ? 2 : 3), 0);
}

/** The record of a service; version and what is sealed are filled in by whoever puts it. */
export function recordOf(service: ZeroconfService, site: ExportingSite): ServiceRecord {
  const { instance, type, subtypes, port, txt, host, addresses } = service;
  return {
    originSubnet: site.subnetId,
    exporters: site.exporters.slice(0, 4),
    version: 1n,
    instance,
    type: type.toLowerCase(),
    subtypes: [...subtypes].toSorted().slice(0, SUBTYPES_MAX),
    port,
    txt,
    hostLabel: host[0] ?? "",
    site: site.siteName,
    addresses: addresses.filter(isReachableBeyondLink).toSorted().slice(0, ADDRESSES_MAX),
    path: [site.subnetId],
    hopsLeft: HOPS_MAX,
    isWithdrawn: false,
    keys: [],
    isListed: false,
  };
}

/** RFC 8766 §5.5.2: link-local addresses mean nothing elsewhere. */
function isReachableBeyondLink(text: string): boolean {
  const bytes = parseAddress(text);
  if (bytes === undefined || isIpv6LinkLocal(bytes)) return false;
  if (bytes.length === 4) return bytes[0] !== 127 && !(bytes[0] === 169 && bytes[1] === 254);
  return bytes.some((byte, at) => byte !== (at === 15 ? 1 : 0)); // ::1
}

/** Where the grants of a service have its record put. */
export function publicationsOf(
  service: ZeroconfService,
  grants: readonly Grant[],
  subnets: KnownSubnets,
  self: string,
): readonly Publication[] {
  const found = new Map<string, Publication>();
  for (const grant of grants) {
    const keys = keysOf(service, grant);
    const isListed = !grant.isUnlisted;
    if (grant.to.length > 0) {
      for (const host of recipientsOf(grant, subnets, self)) {
        const old = found.get(host);
        found.set(host, {
          key: inboxKey(host),
          isSharded: true,
          sealedTo: host,
          keys: [...new Set([...(old?.keys ?? []), ...keys])].slice(0, KEYS_MAX + 1),
          isListed: isListed || old?.isListed === true,
        });
      }
      continue;
    }
    const open = { sealedTo: undefined, keys: [], isListed: false, isSharded: true };
    if (isListed) found.set("type", { ...open, key: typeKey(service.type.toLowerCase()) });
    for (const key of keys) found.set(`key ${key}`, { ...open, key: wordKey(key) });
  }
  return [...found.values()];
}

/** Normalised, the name's own first. */
function keysOf({ instance }: ZeroconfService, { keys }: Grant): readonly string[] {
  return [...new Set([instance, ...keys].map(normalizeKey))].slice(0, KEYS_MAX + 1);
}

function recipientsOf({ to }: Grant, subnets: KnownSubnets, self: string): readonly string[] {
  const hosts = to.flatMap((peer) =>
    peer.type === "host"
      ? [peer.id]
      : (subnets.find(({ id }) => id === peer.id)?.hosts ?? []).map(({ id }) => id),
  );
  return [...new Set(hosts)].filter((host) => host !== self).slice(0, RECIPIENTS_MAX);
}
