/** How a service of another link is to be shown on this one. */
import type { DnsName } from "../../platform/dns/name.ts";
import { ownHost, slotHost } from "../exchange/loop-guard.ts";
import type { ServiceRecord } from "../exchange/service-record.ts";
import type { ImportRule } from "../rules/rule.ts";
import type { Place } from "./free-places.ts";

/**
 * Where: `crew`, by all hosts of the crew with the same records; `host`, by this host on its own
 * account; `loopback`, on this host alone.
 */
export type Scope = "crew" | "host" | "loopback";

export interface Wanted {
  readonly originId: string;
  readonly record: ServiceRecord;
  readonly scope: Scope;
  /** `direct`: at its real address and port. */
  readonly way: "relay" | "direct";
  /** SRV target here. */
  readonly host: DnsName;
  /** Names to try, best first; one alone when a colleague shows it under that. */
  readonly names: readonly string[];
  /** Ports to try, best first; that of the acting colleague alone for who stands by. */
  readonly ports: readonly number[];
  /** A colleague has probed for the name already. */
  readonly isTakeover: boolean;
}

/** The place that is tried first. */
export function firstPlace({ names, ports }: Wanted): Partial<Place> {
  const [instance, port] = [names[0], ports[0]];
  return { ...(instance !== undefined && { instance }), ...(port !== undefined && { port }) };
}

/** What of a wanted service calls for an update when it changes. */
export function wantedText({ record, scope, way, host, names, ports }: Wanted): string {
  const { instance, type, subtypes, txt, port: originPort, addresses } = record;
  const bytes = txt.map((one) => Buffer.from(one).toString("latin1"));
  const direct = way === "direct" ? addresses : [];
  const said = [
    instance,
    type,
    subtypes,
    bytes,
    originPort,
    direct,
    scope,
    way,
    host,
    names,
    ports,
  ];
  return JSON.stringify(said);
}

/**
 * @param rules that select the service, at least one
 * @returns `undefined` when it is not for this host to show
 */
export function scopeOf(rules: readonly ImportRule[], isInCrew: boolean): Scope | undefined {
  const onLink = rules.filter((rule) => !rule.isLocalOnly);
  if (onLink.some((rule) => !rule.isHere)) return isInCrew ? "crew" : undefined;
  if (onLink.length > 0) return "host";
  return "loopback";
}

/** A shared host name for each slot; direct ones have a name for each origin, since addresses differ. */
export function hostOf(
  scope: Scope,
  way: Wanted["way"],
  at: { readonly subnetId: string; readonly self: string; readonly slot: number },
  originId: string,
): DnsName {
  if (way === "direct") return [`cw-${originId.slice(0, 12)}-d`, "local"];
  return scope === "crew" ? slotHost(at.subnetId, at.slot) : ownHost(at.subnetId, at.self);
}
