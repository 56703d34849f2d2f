/**
 * Hosts carried between sites, given other addresses, and their interfaces taken out and put back.
 *
 * A move is what a host sees of one: its link goes down and its addresses with it, then it is up
 * elsewhere with addresses of that place. Nothing of it asks or tells the programs on the host.
 */
import { ConfigError } from "../../platform/errors.ts";
import { addressValue, holdsHost, parseNetwork, type SiteNetwork } from "./addresses.ts";
import { LabError } from "./errors.ts";
import { changeLink } from "./link.ts";
import { openVSwitchControl } from "./open-vswitch.ts";
import { changePlace, hostsNow, placesAt, type Place } from "./places.ts";
import {
  addressesAt,
  findHost,
  findSite,
  labDirectory,
  readLink,
  type HostRecord,
  type LabRecord,
  type SiteRecord,
} from "./record.ts";
import { HOSTS_MAX } from "./site-spec.ts";
import { labEnvironment, run, type Environment } from "./run.ts";
import { inNamespace, ipBatch, untilUp } from "./shell-text.ts";
import { addressLines, hostLinkLine, interfaceLines, portArguments } from "./wiring.ts";

const VISITORS_MAX = 52;

/**
 * Plugs a host into a site; returns when it has its addresses there.
 *
 * At home it has its own again, elsewhere the first free ones above those of the site's hosts.
 *
 * @param to `null` leaves it without a link
 * @throws {ConfigError} when the host has no interface
 * @throws {LabError} ERR_LAB_COMMAND
 */
export async function moveHost(
  lab: LabRecord,
  name: string,
  to: SiteRecord | null,
): Promise<HostRecord> {
  const host = findHost(lab, name);
  return changePlace(lab, name, async (before) => {
    requireInterface(name, before);
    const after = to === null ? nowhere(host, before) : arrival(lab, host, to);
    await detach(lab, host, before);
    await run(shell(host, flushLines()), environment(lab));
    if (to !== null) await attach(lab, to, host, after);
    return after;
  });
}

/**
 * Gives a host another address on the link where it is, as a DHCP server may.
 *
 * @param address of the same family as the one that it takes the place of
 * @throws {ConfigError} unless the address is one that the site has to give
 */
export async function readdressHost(
  lab: LabRecord,
  name: string,
  address: string,
): Promise<HostRecord> {
  const host = findHost(lab, name);
  return changePlace(lab, name, async (before) => {
    requireInterface(name, before);
    if (before.site === null)
      throw new ConfigError("HOST", `${name} is plugged in nowhere; use "causeway lab move" first`);
    const site = findSite(lab, before.site);
    const network = freeNetwork(lab, site, name, address);
    const family = network.family === 4 ? "." : ":";
    const own = `${address}/${network.prefixBits}`;
    const addresses = before.addresses.map((one) => (one.includes(family) ? own : one));
    const flush = `ip -${network.family} address flush dev eth0 scope global`;
    const lines = addressLines(
      { ...site, gateways: site.gateways.filter((one) => one.includes(family)) },
      { ...host, addresses: [own] },
    );
    const script = [
      flush,
      `ip -${network.family} route flush dev eth0 proto boot`,
      ipBatch("", lines),
    ];
    await run(shell(host, script), environment(lab));
    return { ...before, addresses };
  });
}

/** Takes a host's interface out of it, as one takes out a USB adapter. */
export async function unplugHost(lab: LabRecord, name: string): Promise<HostRecord> {
  const host = findHost(lab, name);
  return changePlace(lab, name, async (before) => {
    requireInterface(name, before);
    await detach(lab, host, before);
    const script = `ip -n ${lab.switchNamespace} link delete dev ${name}`;
    await run(["sh", "-e", "-c", script], environment(lab));
    return { ...before, hasInterface: false };
  });
}

/** Puts a host's interface back, with the same hardware address and where it was. */
export async function plugHost(lab: LabRecord, name: string): Promise<HostRecord> {
  const host = findHost(lab, name);
  return changePlace(lab, name, async (before) => {
    if (before.hasInterface)
      throw new ConfigError(
        "HOST",
        `${name} has its interface; --plug is for one that was unplugged`,
      );
    const after = { ...before, hasInterface: true };
    await run(["sh", "-e", "-c", ipBatch("", [hostLinkLine(lab, host)])], environment(lab));
    await run(shell(host, [...interfaceLines(), "ip link set dev eth0 up"]), environment(lab));
    if (before.site !== null) await attach(lab, findSite(lab, before.site), host, after);
    return after;
  });
}

function nowhere(host: HostRecord, before: Place): Place {
  return { ...before, site: null, addresses: addressesAt([], 0, host.hardware) };
}

/** The first seat whose addresses are free, its own if it is at home there. */
function arrival(lab: LabRecord, host: HostRecord, to: SiteRecord): Place {
  const taken = [...placesAt(lab, to.name)]
    .filter(([other]) => other !== host.name)
    .map(([, place]) => place);
  const networks = networksOf(to);
  const guests = Array.from({ length: VISITORS_MAX }, (_, index) => HOSTS_MAX + 1 + index);
  for (const seat of to.name === host.home ? [host.number, ...guests] : guests) {
    const addresses = addressesAt(networks, seat, host.hardware);
    const isFree = taken.every(
      (one) => one.seat !== seat && !one.addresses.some((address) => addresses.includes(address)),
    );
    if (isFree) return { site: to.name, addresses, seat, hasInterface: true };
  }
  throw new LabError(
    "ERR_LAB_PLACE",
    `${to.name} has ${VISITORS_MAX} visitors; move one away first`,
  );
}

/** The link goes down, as when a plug is pulled. */
async function detach(lab: LabRecord, { name }: HostRecord, { site }: Place): Promise<void> {
  if (site === null) return;
  const env = environment(lab);
  const left = findSite(lab, site);
  const { split } = readLink(lab.name, left);
  if (split.includes(name))
    await changeLink(lab, left, { split: split.filter((one) => one !== name) });
  const lines = [`link set dev ${name} down`, `link set dev ${name} nomaster`];
  if (left.switch === "ovs") {
    await openVSwitchControl(lab.name, ["--if-exists", "del-port", left.name, name], env);
    lines.pop();
  }
  await run(["sh", "-e", "-c", ipBatch(`-n ${lab.switchNamespace} `, lines)], env);
}

/** The link comes up, and then the addresses. */
async function attach(
  lab: LabRecord,
  site: SiteRecord,
  host: HostRecord,
  { addresses, seat }: Place,
): Promise<void> {
  const env = environment(lab);
  const lines = [`link set dev ${host.name} master ${site.name}`, `link set dev ${host.name} up`];
  if (site.switch === "ovs") {
    lines.shift();
    const isSplit = readLink(lab.name, site).split.length > 0;
    const tag = isSplit ? ["--", "set", "port", host.name, "tag=1"] : [];
    const port = { name: host.name, port: seat };
    await openVSwitchControl(lab.name, [...portArguments(site.name, port), ...tag], env);
  }
  const up = [ipBatch("", lines), untilUp([host.name])];
  await run(["sh", "-e", "-c", inNamespace(lab.switchNamespace, up)], env);
  const arrive = [untilUp(["eth0"]), ipBatch("", addressLines(site, { ...host, addresses }))];
  await run(shell(host, arrive), env);
}

/** Shell lines that forget a link: its addresses, routes and neighbours. */
function flushLines(): string[] {
  return [
    "ip address flush dev eth0 scope global",
    ...["-4", "-6"].map((family) => `ip ${family} route flush dev eth0 proto boot`),
    "ip neigh flush dev eth0",
  ];
}

/** The network of a site that an address is from. */
function freeNetwork(lab: LabRecord, site: SiteRecord, host: string, address: string): SiteNetwork {
  const networks = networksOf(site);
  const network = networks.find((one) => holdsHost(one, address));
  if (network === undefined)
    throw new ConfigError(
      "ADDRESS",
      networks.length === 0
        ? `${site.name} has link-local addresses only, and those are the hosts' own`
        : `"${address}" is none for a host of ${site.name}, which has ${site.networks.join(", ")}`,
    );
  const value = addressValue(address);
  const holder = hostsNow(lab).find(
    (other) =>
      other.site === site.name &&
      other.addresses.some((one) => {
        const [text = ""] = one.split("/");
        return holdsHost(network, text) && addressValue(text) === value;
      }),
  );
  if (holder === undefined) return network;
  const whose = holder.name === host ? `${host} has it already` : `${holder.name} has it`;
  throw new ConfigError("ADDRESS", `"${address}" is taken: ${whose}`);
}

function networksOf(site: SiteRecord): SiteNetwork[] {
  return site.networks.map((text) => parseNetwork(site.name, text));
}

function requireInterface(host: string, { hasInterface }: Place): void {
  if (!hasInterface)
    throw new ConfigError(
      "HOST",
      `${host} has no interface; put it back with "causeway lab link ${host} --plug"`,
    );
}

function shell({ namespace }: HostRecord, lines: readonly string[]): string[] {
  return ["sh", "-e", "-c", inNamespace(namespace, lines)];
}

function environment(lab: LabRecord): Environment {
  return labEnvironment(labDirectory(lab.name));
}
