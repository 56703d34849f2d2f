/** What must hold of subnets, host sets and tables: once all is mended, and of each change. */
import { compareBytes } from "../../../platform/bytes.ts";
import type { SubnetClaim } from "../../../overlay/cores.ts";
import type { SimHost } from "../sim-host.ts";
import type { Violation } from "../violation.ts";

/** A subnet's claim, seen on a link. */
export interface SeenClaim {
  readonly link: number;
  readonly atMs: number;
  readonly claim: SubnetClaim;
}

/** @param hosts all that run, each in a subnet or not */
export function checkMembership(hosts: readonly SimHost[], atMs: number): Violation[] {
  const outside = hosts.filter(({ session }) => session === undefined);
  const joined = hosts.filter(({ session }) => session !== undefined);
  return [
    ...outside.map(({ name }) => ({
      promise: "liveness" as const,
      atMs,
      what: `${name} is in no subnet`,
    })),
    ...checkLinks(joined, atMs),
    ...joined.flatMap((host) => checkSets(host, joined, atMs)),
    ...joined.flatMap((host) => checkTable(host, joined, atMs)),
  ];
}

function checkLinks(hosts: readonly SimHost[], atMs: number): Violation[] {
  const found: Violation[] = [];
  for (const [link, ones] of Map.groupBy(hosts, ({ place }) => place.link)) {
    const subnets = Map.groupBy(ones, ({ session }) => session!.subnetId);
    if (subnets.size < 2) continue;
    const said = [...subnets].map(([id, some]) => `${namesOf(some)} in ${short(id)}`).join("; ");
    found.push({ promise: "one-subnet", atMs, what: `link ${link}: ${said}` });
  }
  return found;
}

function checkSets(host: SimHost, hosts: readonly SimHost[], atMs: number): Violation[] {
  const session = host.session!;
  const found: Violation[] = [];
  for (const [id, members] of Map.groupBy(hosts, (one) => one.session!.subnetId)) {
    const set = id === session.subnetId ? session.hostSet : session.book.get(id);
    const named = new Set(set?.hosts.map((one) => one.name));
    const missing = members.filter(({ name }) => !named.has(name));
    const strangers = [...named].filter((name) => !members.some((one) => one.name === name));
    if (missing.length === 0 && strangers.length === 0) continue;
    const what = `at ${host.name} the set of ${short(id)} lacks [${namesOf(missing)}] and has [${strangers.join(" ")}] too many`;
    found.push({ promise: "host-set", atMs, what });
  }
  return found;
}

/** Each table has every other live subnet, and no other. */
function checkTable(host: SimHost, hosts: readonly SimHost[], atMs: number): Violation[] {
  const live = new Set(hosts.map(({ session }) => session!.subnetId));
  live.delete(host.session!.subnetId);
  const entries = host.session!.routing.entries().map(({ subnetId }) => subnetId);
  const missing = [...live].filter((id) => !entries.includes(id));
  const dead = entries.filter((id) => !live.has(id));
  if (missing.length === 0 && dead.length === 0) return [];
  const what = `at ${host.name} the table lacks [${missing.map(short).join(" ")}] and has [${dead.map(short).join(" ")}], which are dead`;
  return [{ promise: "table", atMs, what }];
}

/** Of all subnets that met on a link the one stays that merging says: generation, stamp, id. */
export function checkSurvivors(
  hosts: readonly SimHost[],
  claims: readonly SeenClaim[],
  atMs: number,
): Violation[] {
  return [...Map.groupBy(hosts, ({ place }) => place.link)].flatMap(([link, ones]) => {
    const present = ones[0]?.session?.claim;
    const subnets = new Set(ones.map(({ session }) => session?.subnetId));
    if (present === undefined || subnets.size > 1) return []; // not met yet
    const better = claims.find((seen) => seen.link === link && isBefore(seen.claim, present));
    if (better === undefined) return [];
    const what = `link ${link} is in the subnet made at ${present.stampMs}, and had one made at ${better.claim.stampMs}`;
    return [{ promise: "oldest-subnet" as const, atMs, what }];
  });
}

/** Written anew from docs/protocol.md, not taken from what is checked. */
function isBefore(a: SubnetClaim, b: SubnetClaim): boolean {
  if (a.generation !== b.generation) return a.generation > b.generation;
  if (a.stampMs !== b.stampMs) return a.stampMs < b.stampMs;
  return compareBytes(a.subnet, b.subnet) < 0;
}

function namesOf(hosts: readonly SimHost[]): string {
  return hosts.map(({ name }) => name).join(" ");
}

function short(id: string): string {
  return id.slice(0, 8);
}
