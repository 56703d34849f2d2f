/** What is put into Avahi's entry groups for a service or a host. */
import { RECORD_CODE, type DnsData } from "../../platform/dns/message.ts";
import type { DnsName } from "../../platform/dns/name.ts";
import type { Registration } from "../zeroconf/backend.ts";
import type { ZeroconfService } from "../zeroconf/service.ts";
import {
  type AvahiCall,
  domainText,
  DOMAIN,
  HOST_TTL_S,
  OTHER_TTL_S,
  PROTOCOL_BOTH,
  PUBLISH,
  recordDataBytes,
} from "./protocol.ts";

/** Addresses under one host name. */
export interface HostEntry {
  readonly host: DnsName;
  readonly addresses: readonly string[];
  /** Others have addresses of that name too. */
  readonly isShared: boolean;
}

/**
 * A service as Avahi is to answer for it, without addresses.
 *
 * `AddService` probes and cannot be told not to; a take-over is therefore made of single records.
 *
 * @param interfaceIndex the link's; -1 is every link
 * @param isKnownOurs    announced without probing
 */
export function serviceCalls(
  { service }: Registration,
  instance: string,
  interfaceIndex: number,
  isKnownOurs: boolean,
): readonly AvahiCall[] {
  const { type, subtypes, host, port, txt } = service;
  const place = [interfaceIndex, PROTOCOL_BOTH];
  if (isKnownOurs) return recordCalls({ ...service, instance }, interfaceIndex);
  const named = [...place, 0, instance, type, DOMAIN];
  return [
    {
      member: "AddService",
      signature: "iiussssqaay",
      body: [...named, domainText(host), port, txt.map((text) => Buffer.from(text))],
    },
    ...subtypes.map((subtype) => ({
      member: "AddServiceSubtype",
      signature: "iiussss",
      body: [...named, `${subtype}._sub.${type}`],
    })),
  ];
}

/** Addresses of a host name that is perhaps not this machine's. */
export function hostCalls(
  { host, addresses, isShared }: HostEntry,
  interfaceIndex: number,
  isKnownOurs: boolean,
): readonly AvahiCall[] {
  const { unique, noProbe, allowMultiple, noReverse } = PUBLISH;
  // A shared record is neither probed for nor does it flush others (RFC 6762 §10.2).
  const flags = isShared ? 0 : unique | noProbe | allowMultiple;
  if (isShared || isKnownOurs)
    return addresses.map((address) => addressCall(host, address, flags, interfaceIndex));
  return addresses.map((address) => ({
    member: "AddAddress",
    signature: "iiuss",
    body: [interfaceIndex, PROTOCOL_BOTH, noReverse, domainText(host), address],
  }));
}

/** What differs in host, port and TXT, for a group that has the service already. */
export function updateCalls(
  from: ZeroconfService,
  to: ZeroconfService,
  instance: string,
  interfaceIndex: number,
): readonly AvahiCall[] {
  const flags = PUBLISH.unique | PUBLISH.update;
  const [before, after] = [uniqueRecords(from), uniqueRecords(to)];
  const changed = after.filter(
    (data, i) => Buffer.compare(recordDataBytes(data), recordDataBytes(before[i]!)) !== 0,
  );
  return changed.map((data) =>
    recordCall([instance, ...typeName(to.type)], data, flags, interfaceIndex),
  );
}

function recordCalls(service: ZeroconfService, interfaceIndex: number): readonly AvahiCall[] {
  const { instance, type, subtypes } = service;
  const full = [instance, ...typeName(type)];
  const pointers: readonly (readonly [DnsName, DnsName])[] = [
    [typeName(type), full],
    [["_services", "_dns-sd", "_udp", DOMAIN], typeName(type)],
    ...subtypes.map((subtype) => [[subtype, "_sub", ...typeName(type)], full] as const),
  ];
  const flags = PUBLISH.unique | PUBLISH.noProbe;
  return [
    ...pointers.map(([name, target]) =>
      recordCall(name, { type: "ptr", target }, 0, interfaceIndex),
    ),
    ...uniqueRecords(service).map((data) => recordCall(full, data, flags, interfaceIndex)),
  ];
}

function uniqueRecords({ host, port, txt }: ZeroconfService): readonly DnsData[] {
  return [
    { type: "srv", priority: 0, weight: 0, port, target: host },
    { type: "txt", strings: txt },
  ];
}

function addressCall(
  host: DnsName,
  address: string,
  flags: number,
  interfaceIndex: number,
): AvahiCall {
  const type = address.includes(":") ? "aaaa" : "a";
  return recordCall(host, { type, address }, flags, interfaceIndex);
}

function recordCall(
  name: DnsName,
  data: DnsData,
  flags: number,
  interfaceIndex: number,
): AvahiCall {
  const code = data.type === "other" ? data.code : RECORD_CODE[data.type];
  const ttlS = data.type === "ptr" || data.type === "txt" ? OTHER_TTL_S : HOST_TTL_S;
  const bytes = Buffer.from(recordDataBytes(data));
  return {
    member: "AddRecord",
    signature: "iiusqquay",
    body: [interfaceIndex, PROTOCOL_BOTH, flags, domainText(name), 1, code, ttlS, bytes],
  };
}

export function typeName(type: string): DnsName {
  return [...type.split("."), DOMAIN];
}
