/** What must hold of subnets, host sets and routing tables once all is mended. */
import type { FinalState, HostReport } from "./history.ts";
import type { Violation } from "./violation.ts";

/** The table holds every other subnet as long as there are fewer than this (k of Kademlia). */
const BUCKET_SIZE = 8;

export function checkMembership({
  hosts,
  silent,
}: Pick<FinalState, "hosts" | "silent">): Violation[] {
  const dead = silent.map(({ host, reason }) => ({
    rule: "liveness" as const,
    subject: host,
    what: `does not answer or has not joined: ${reason}`,
  }));
  const bySite = Map.groupBy(hosts, ({ site }) => site);
  const bySubnet = Map.groupBy(hosts, ({ subnet }) => subnet);
  return [
    ...dead,
    ...subnetsPerLink(bySite, bySubnet),
    ...hosts.flatMap((host) => hostSets(host, bySubnet)),
    ...hosts.flatMap((host) => table(host, bySubnet)),
  ];
}

function subnetsPerLink(
  bySite: ReadonlyMap<string, readonly HostReport[]>,
  bySubnet: ReadonlyMap<string, readonly HostReport[]>,
): Violation[] {
  const found: Violation[] = [];
  for (const [site, ones] of bySite) {
    const subnets = Map.groupBy(ones, ({ subnet }) => subnet);
    if (subnets.size < 2) continue;
    const said = [...subnets].map(
      ([subnet, members]) => `${members.map(({ host }) => host).join(" ")} in ${short(subnet)}`,
    );
    found.push({
      rule: "one-subnet",
      subject: site,
      what: `its hosts are in ${subnets.size} subnets: ${said.join("; ")}`,
    });
  }
  for (const [subnet, ones] of bySubnet) {
    const sites = new Set(ones.map(({ site }) => site));
    if (sites.size > 1)
      found.push({
        rule: "one-subnet",
        subject: [...sites].join(" "),
        what: `share the subnet ${short(subnet)}`,
      });
  }
  return found;
}

/** Each host names the live hosts of every subnet, and no subnet that is none. */
function hostSets(
  { host, subnets }: HostReport,
  bySubnet: ReadonlyMap<string, readonly HostReport[]>,
): Violation[] {
  const found: string[] = [];
  for (const [subnet, members] of bySubnet) {
    const known = subnets.find(({ id }) => id === subnet);
    if (known === undefined) {
      found.push(`does not know ${short(subnet)} of ${members[0]!.site}`);
      continue;
    }
    const missing = members.filter(({ hostId }) => !known.hosts.includes(hostId));
    const live = members.map(({ hostId }) => hostId);
    const strangers = known.hosts.filter((id) => !live.includes(id));
    if (missing.length > 0)
      found.push(
        `its set of ${members[0]!.site} lacks ${missing.map((one) => one.host).join(" ")}`,
      );
    if (strangers.length > 0)
      found.push(
        `its set of ${members[0]!.site} has ${strangers.length} that are not live: ${strangers.map(short).join(" ")}`,
      );
  }
  for (const { id } of subnets)
    if (!bySubnet.has(id)) found.push(`knows the subnet ${short(id)}, which has no live host`);
  return found.map((what) => ({ rule: "host-set", subject: host, what }));
}

function table(
  { host, subnet, table: entries }: HostReport,
  bySubnet: ReadonlyMap<string, readonly HostReport[]>,
): Violation[] {
  const others = [...bySubnet.keys()].filter((id) => id !== subnet);
  const dead = entries.filter((id) => !bySubnet.has(id));
  const missing = others.length < BUCKET_SIZE ? others.filter((id) => !entries.includes(id)) : [];
  const twice = entries.filter((id, i) => entries.indexOf(id) !== i || id === subnet);
  const found = [
    ...dead.map((id) => `has the dead subnet ${short(id)} in its table`),
    ...missing.map((id) => `lacks ${short(id)} of ${bySubnet.get(id)![0]!.site} in its table`),
    ...twice.map((id) => `has ${short(id)} in its table, which is itself or there already`),
  ];
  return found.map((what) => ({ rule: "table", subject: host, what }));
}

function short(id: string): string {
  return id.slice(0, 8);
}
