/** What people see of services: the machines' words made whole. */
import type { LeaseDuty } from "../overlay/index.ts";
import { slotOfOrigin, slotOfService } from "./crew/slots.ts";
import { toHex } from "../platform/bytes.ts";
import { fromBase32 } from "../platform/base32.ts";
import type { LocalService } from "./exporter/export-machine.ts";
import type { ImportView } from "./importer/import-events.ts";
import type { ImportedServiceView, LocalServiceView } from "./types.ts";

/** What is exported, and by whom; by name. */
export function localViews(
  services: readonly LocalService[],
  duty: LeaseDuty,
  self: string,
): readonly LocalServiceView[] {
  const views = services.map(({ service, rules, reason }): LocalServiceView => {
    const { instance, type, host, port, addresses } = service;
    const acting = rules.some((rule) => rule.isHere) ? self : duty.slots[slotOfService(service)];
    const isExported = reason === "" && acting !== undefined;
    return {
      ...{ instance, type, port, addresses },
      host: host.join("."),
      isExported,
      rules: rules.map(({ id }) => id),
      exporter: isExported ? acting : "",
      reason: reason === "" && !isExported ? "no host of this subnet can act" : reason,
    };
  });
  return views.toSorted(byTypeAndName);
}

export interface ShownEntry {
  readonly port: number;
  readonly traffic: { readonly open: number; readonly bytes: number };
}

export interface ImportedSituation {
  readonly duty: LeaseDuty;
  readonly self: string;
  readonly nowMs: number;
  /** A host's address on this link; empty when it is not known. */
  address(host: string): string;
  entry(originId: string): ShownEntry;
  heardMsAgo(subnetId: string): number;
}

/** What comes from other links; by name. */
export function importedViews(
  views: readonly ImportView[],
  at: ImportedSituation,
): readonly ImportedServiceView[] {
  return views.map((view) => importedView(view, at)).toSorted(byTypeAndName);
}

function importedView(
  { known, rules, wanted, shown, reason }: ImportView,
  at: ImportedSituation,
): ImportedServiceView {
  const { record, originId, publisher, deadlineMs } = known;
  const { port, traffic } = at.entry(originId);
  const acting = wanted?.scope === "crew" ? at.duty.slots[slotOfOrigin(originId)] : at.self;
  const way = wanted?.way ?? "relay";
  const own = wanted?.scope === "loopback" ? "127.0.0.1" : at.address(acting ?? at.self);
  const address = way === "direct" ? (record.addresses[0] ?? "") : own;
  return {
    instance: record.instance,
    type: record.type,
    origin: toHex(fromBase32(originId)),
    originSubnet: record.originSubnet,
    originHost: publisher,
    shownAs: shown?.instance ?? null,
    endpoint: shown === undefined ? "" : endpointText(address, port),
    way,
    isLocalOnly: wanted?.scope === "loopback",
    rules: rules.map(({ id }) => id),
    importer: shown === undefined ? "" : (acting ?? ""),
    version: String(record.version),
    heardMsAgo: Math.round(at.heardMsAgo(record.originSubnet)),
    expiresInMs: Math.max(0, Math.round(deadlineMs - at.nowMs)),
    traffic,
    reason,
  };
}

function endpointText(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function byTypeAndName(
  a: { readonly type: string; readonly instance: string },
  b: { readonly type: string; readonly instance: string },
): number {
  return compareText(a.type, b.type) || compareText(a.instance, b.instance);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
