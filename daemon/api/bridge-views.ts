/** The bridge's values as the local API shows them: with the names that hosts have now. */
import type { Peer, Rule } from "../../bridge/index.ts";
import type { SubnetView } from "../../overlay/index.ts";
import type { PeerJson, RuleJson } from "./bridge-types.ts";

export function ruleJson(rule: Rule, subnets: readonly SubnetView[]): RuleJson {
  return rule.type === "export"
    ? { ...rule, to: peersJson(rule.to, subnets) }
    : { ...rule, from: peersJson(rule.from, subnets) };
}

export function peersJson(
  peers: readonly Peer[],
  subnets: readonly SubnetView[],
): readonly PeerJson[] {
  const hosts = subnets.flatMap((subnet) => subnet.hosts);
  return peers.map(({ type, id }) => ({
    type,
    id,
    name: type === "host" ? (hosts.find((host) => host.id === id)?.name ?? "") : "",
  }));
}
