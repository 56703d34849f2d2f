/** Which services and hosts a rule is about. Whatever no rule names is denied. */
import type { ServiceId } from "../zeroconf/service.ts";
import { matchesGlob } from "./glob.ts";
import { ALL_TYPES } from "./rule.ts";
import type { ExportRule, ImportCandidate, ImportRule, Peer, Rule } from "./rule.ts";
import { isBridgeable } from "./service-type.ts";

/** Whether the rule lets that service of the link out. */
export function selectsExport(rule: ExportRule, { instance, type }: ServiceId): boolean {
  const serviceType = type.toLowerCase();
  const isOfType = rule.serviceType === ALL_TYPES || rule.serviceType === serviceType;
  return isOfType && isBridgeable(serviceType) && matchesGlob(rule.name, instance);
}

/** The export rules among `rules` that select a service. */
export function exportsOf(rules: readonly Rule[], service: ServiceId): readonly ExportRule[] {
  return rules
    .filter((rule) => rule.type === "export")
    .filter((rule) => selectsExport(rule, service));
}

/** Whether the rule has that service of another subnet shown here. */
export function selectsImport(rule: ImportRule, candidate: ImportCandidate): boolean {
  const { type, originSubnet, originHosts, foundUnder, isListed } = candidate;
  const serviceType = type.toLowerCase();
  const isOfType =
    rule.types.length === 0 || rule.types[0] === ALL_TYPES || rule.types.includes(serviceType);
  const isFound =
    rule.keys.length === 0 ? isListed : rule.keys.some((key) => foundUnder.includes(key));
  const isFrom =
    rule.from.length === 0 ||
    rule.from.some((peer) =>
      peer.type === "subnet" ? peer.id === originSubnet : originHosts.includes(peer.id),
    );
  return isOfType && isBridgeable(serviceType) && isFound && isFrom;
}

/** What membership the rules are checked against: the subnets known, with their hosts. */
export type KnownSubnets = readonly {
  readonly id: string;
  readonly hosts: readonly { readonly id: string }[];
}[];

/**
 * Whether a host may have what the rule lets out. It is a member of the overlay, or it would not
 * have been heard.
 */
export function mayHave(rule: ExportRule, hostId: string, subnets: KnownSubnets): boolean {
  if (rule.to.length === 0) return true;
  return rule.to.some((peer) =>
    peer.type === "host"
      ? peer.id === hostId
      : subnets.some(({ id, hosts }) => id === peer.id && hosts.some((host) => host.id === hostId)),
  );
}

/** One way in which a service is let out: to whom, and under which keys besides its name. */
export interface Grant {
  /** Empty: every member of the overlay. */
  readonly to: readonly Peer[];
  readonly keys: readonly string[];
  readonly isUnlisted: boolean;
  /** Ids of the rules it is made of. */
  readonly rules: readonly string[];
}

/**
 * What several rules grant for one service: those with the same recipients are one grant, with all
 * their keys, listed when one of them lists. Two grants never mix, or a key meant for some would
 * show the service to all.
 */
export function grantsOf(rules: readonly ExportRule[]): readonly Grant[] {
  const grants = new Map<string, Grant>();
  for (const { id, to, keys, isUnlisted } of rules) {
    const recipients = JSON.stringify(to);
    const old = grants.get(recipients);
    grants.set(recipients, {
      to,
      keys: [...new Set([...(old?.keys ?? []), ...keys])].toSorted(),
      isUnlisted: isUnlisted && (old?.isUnlisted ?? true),
      rules: [...(old?.rules ?? []), id],
    });
  }
  return [...grants.values()];
}
