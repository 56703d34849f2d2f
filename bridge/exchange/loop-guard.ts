/**
 * Why nothing goes round: what a bridge shows is never exported, by three independent signs.
 *
 * 1. Its host: whatever a bridge registers points at a host named `cw-…` (any bridge's, on any link).
 * 2. Its name: what this subnet's hosts show, told between them, and what this host registered itself.
 * 3. Its record: the path of subnets that it passed, and how many hops are left.
 */
import type { DnsName } from "../../platform/dns/name.ts";
import { serviceKey, type ServiceId } from "../zeroconf/service.ts";
import type { ServiceRecord } from "./service-record.ts";

const HOST_MARK = "cw-";
const SUBNET_LETTERS = 8;

/** Host name that the crew of a subnet shows the services of one slot at. */
export function slotHost(subnetId: string, slot: number): DnsName {
  return [`${HOST_MARK}${subnetId.slice(0, SUBNET_LETTERS)}-${slot}`, "local"];
}

/** Host name of what one host shows on its own account (`--here`, `--local-only`, `--from-stream`). */
export function ownHost(subnetId: string, hostId: string): DnsName {
  const host = hostId.slice(0, SUBNET_LETTERS);
  return [`${HOST_MARK}${subnetId.slice(0, SUBNET_LETTERS)}-h${host}`, "local"];
}

export function isBridgeHost(host: DnsName): boolean {
  return host[0]?.toLowerCase().startsWith(HOST_MARK) === true;
}

export interface LocalSight {
  readonly id: ServiceId;
  readonly host: DnsName;
  readonly isOwn: boolean;
}

/**
 * @param shown `serviceKey` of what the bridges of this subnet show
 * @returns why it must not be exported; `undefined` when it may
 */
export function exportGuard(sight: LocalSight, shown: ReadonlySet<string>): string | undefined {
  if (isBridgeHost(sight.host)) return "a bridge shows it here; it is exported where it is at home";
  if (sight.isOwn) return "this bridge registered it";
  if (shown.has(serviceKey(sight.id))) return "it has the name of a service that is shown here";
  return undefined;
}

export interface ImportSituation {
  readonly ownSubnet: string;
  /** Ids of the hosts of this subnet. */
  readonly ownHosts: ReadonlySet<string>;
  /** Host id that signed the record. */
  readonly publisher: string;
}

/** @returns why a record must not be shown here; `undefined` when it may */
export function importGuard(record: ServiceRecord, at: ImportSituation): string | undefined {
  if (record.originSubnet === at.ownSubnet) return "it is at home on this link";
  if (record.path.includes(at.ownSubnet)) return "it came from this link";
  if (record.path[0] !== record.originSubnet) return "its path does not begin where it is at home";
  if (record.path.length > 1 || record.hopsLeft < 1) return "it was passed on once too often";
  // A host that was carried here still has the record of its former link.
  if (at.ownHosts.has(at.publisher)) return "its exporter has come to this link";
  if (!record.exporters.includes(at.publisher)) return "its signer is not its exporter";
  return undefined;
}
