/**
 * The commands that make a lab's network, as text: nothing here is run.
 *
 * All switches and wires live in one namespace, the router in another, each host in its own:
 *
 *     host eth0 == SITE-1 [switch SITE] SITE.up == SITE.in [delay line] SITE.out == SITE router
 *
 * Interface names fit the kernel's 15 bytes, since a site's name has 8 at most.
 */
import { hardwareAddress } from "./addresses.ts";
import { extraHostLines, extraLines, extraSwitchLines } from "./extras.ts";
import { homeRouterScript, isNated } from "./home-router.ts";
import { inNamespace, ipBatch, leafLines, noCheck } from "./shell-text.ts";
import type { HostRecord, LabRecord, SiteRecord } from "./record.ts";

export const uplinkPort = (site: string): string => `${site}.up`;
/** End of the delay line towards the switch. */
export const innerEnd = (site: string): string => `${site}.in`;
/** End of the delay line towards the router. */
export const outerEnd = (site: string): string => `${site}.out`;
/** Second Linux bridge, for the hosts that are split off. */
export const splitBridge = (site: string): string => `${site}.cut`;

/** Hardware addresses of what is no host; a site's gateway has the same with NAT and without. */
const [GATEWAY_NUMBER, OUTER_NUMBER, UPSTREAM_NUMBER] = [254, 253, 252];
/** Time a frame may wait for a rate limit; what would wait longer is dropped. */
const QUEUE_MS = 100;
/** Length of a burst that passes a rate limit at once, and never less than two full frames. */
const BURST_MS = 5;
const BURST_MIN_BYTES = 3200;

/** A shell script that makes namespaces, links and addresses; run it with `sh -e`. */
export function networkScript(lab: LabRecord): string {
  const { switchNamespace, coreNamespace, sites } = lab;
  const hosts = sites.flatMap((site) => site.hosts);
  const routers = sites.flatMap(({ router }) => router ?? []);
  const namespaces = [
    ...[switchNamespace, coreNamespace],
    ...[...routers, ...hosts].map((one) => one.namespace),
  ];
  return [
    ipBatch("", [
      ...namespaces.map((name) => `netns add ${name}`),
      ...sites.flatMap((site) => linkLines(lab, site)),
    ]),
    inNamespace(switchNamespace, [
      // Neither switch nor wire shall speak on its own.
      "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6",
      "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6",
      ipBatch("", ["link set dev lo up", ...sites.flatMap(switchLines)]),
    ]),
    inNamespace(coreNamespace, [
      "echo 1 >/proc/sys/net/ipv4/ip_forward",
      "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding",
      ...sites.flatMap(({ name }) => leafLines(name)),
      ipBatch("", [
        "link set dev lo up",
        // Out there, a private address is answered by nobody, not even by an error.
        ...(sites.some(isNated) ? ["route add blackhole default"] : []),
        ...sites.flatMap(coreLines),
      ]),
    ]),
    ...sites.filter(isNated).map(homeRouterScript),
    ...sites.flatMap((site) => site.hosts.map((host) => hostScript(site, host))),
    "",
  ].join("\n");
}

/** Arguments of one `ovs-vsctl` call that makes all Open vSwitch bridges of a lab. */
export function openVSwitchArguments(sites: readonly SiteRecord[]): string[] {
  return sites.flatMap(({ name, number, hosts }) => {
    const id = number.toString(16).padStart(16, "0");
    const ports = [...hosts.map((host) => ({ name: host.name, port: host.number }))];
    return [
      ...["--", "add-br", name, "--", "set", "bridge", name, "datapath_type=netdev"],
      ...["fail-mode=standalone", `other-config:datapath-id=${id}`],
      ...[...ports, { name: uplinkPort(name), port: GATEWAY_NUMBER }].flatMap((one) =>
        portArguments(name, one),
      ),
    ];
  });
}

/** Arguments of `ovs-vsctl` that add an interface to a switch. */
export function portArguments(
  site: string,
  { name, port }: { readonly name: string; readonly port: number },
): string[] {
  return [
    ...["--", "add-port", site, name],
    ...["--", "set", "interface", name, `ofport_request=${port}`],
  ];
}

/** Lines for `tc -batch` that limit an uplink both ways; `null` lifts the limit. */
export function rateLines(site: string, rate: number | null, hadRate: boolean): string[] {
  return [innerEnd(site), outerEnd(site)].flatMap((end) => {
    if (rate === null) return hadRate ? [`qdisc del dev ${end} root`] : [];
    const burst = Math.max(BURST_MIN_BYTES, Math.round((rate * BURST_MS) / 8000));
    const bucket = `tbf rate ${Math.round(rate)}bit burst ${burst} latency ${QUEUE_MS}ms`;
    return [`qdisc replace dev ${end} root ${bucket}`];
  });
}

/** Lines for `ip -batch` that split a Linux bridge in two; no hosts heal it. */
export function splitBridgeLines(
  site: SiteRecord,
  split: readonly string[],
  wasSplit: boolean,
): string[] {
  const second = splitBridge(site.name);
  const rest = site.hosts.filter((host) => !split.includes(host.name));
  return [
    ...(split.length > 0 && !wasSplit ? bridgeLines(second) : []),
    ...split.map((name) => `link set dev ${name} master ${second}`),
    ...rest.map((host) => `link set dev ${host.name} master ${site.name}`),
    ...(split.length === 0 && wasSplit ? [`link delete dev ${second}`] : []),
  ];
}

/**
 * Arguments of one `ovs-vsctl` call that splits a switch in two by access VLANs, whose tags never
 * reach a host; no hosts heal it.
 */
export function splitSwitchArguments(site: SiteRecord, split: readonly string[]): string[] {
  const ports = [...site.hosts.map((host) => host.name), uplinkPort(site.name)];
  return ports.flatMap((port) =>
    split.length === 0
      ? ["--", "clear", "port", port, "tag"]
      : ["--", "set", "port", port, `tag=${split.includes(port) ? 2 : 1}`],
  );
}

function linkLines(lab: LabRecord, site: SiteRecord): string[] {
  const { switchNamespace: sw, coreNamespace: core } = lab;
  const { name, router } = site;
  const veth = (port: string, peer: string): string =>
    `link add name ${port} netns ${sw} type veth peer name ${peer}`;
  const gateway = hardwareAddress(site.number, GATEWAY_NUMBER);
  const far = router === null ? gateway : hardwareAddress(site.number, UPSTREAM_NUMBER);
  return [
    ...site.hosts.map((host) => hostLinkLine(lab, host)),
    ...extraLines(lab, site),
    ...(router === null
      ? [`${veth(uplinkPort(name), innerEnd(name))} netns ${sw}`]
      : [
          `${veth(uplinkPort(name), "lan")} address ${gateway} netns ${router.namespace}`,
          `${veth(innerEnd(name), "wan")} address ${hardwareAddress(site.number, OUTER_NUMBER)} ` +
            `netns ${router.namespace}`,
        ]),
    `${veth(outerEnd(name), name)} address ${far} netns ${core}`,
  ];
}

function switchLines(site: SiteRecord): string[] {
  const ports = [...site.hosts.map((host) => host.name), uplinkPort(site.name)];
  const isBridge = site.switch === "bridge";
  return [
    ...(isBridge ? bridgeLines(site.name) : []),
    ...(isBridge ? ports.map((port) => `link set dev ${port} master ${site.name}`) : []),
    ...[...ports, innerEnd(site.name), outerEnd(site.name)].map((one) => `link set dev ${one} up`),
    ...extraSwitchLines(site),
  ];
}

/** No snooping: a querier would be needed, and multicast DNS would stop without one. */
function bridgeLines(name: string): string[] {
  return [
    `link add name ${name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `link set dev ${name} up`,
  ];
}

/** Lines for `ip -batch` that bring up the core router's end of an uplink. */
export function coreLines({ name, router, gateways }: SiteRecord): string[] {
  const addresses = router === null ? gateways : [router.upstream];
  return [
    `link set dev ${name} up`,
    ...addresses.map((address) => `address replace ${address} dev ${name}${noCheck(address)}`),
  ];
}

/** A line for `ip -batch` that makes a host's interface and its port; neither is up. */
export function hostLinkLine({ switchNamespace }: LabRecord, host: HostRecord): string {
  return (
    `link add name ${host.name} netns ${switchNamespace} ` +
    `type veth peer name eth0 address ${host.hardware} netns ${host.namespace}`
  );
}

function hostScript(site: SiteRecord, host: HostRecord): string {
  return inNamespace(host.namespace, [
    ...interfaceLines(),
    ipBatch("", [
      ...["link set dev lo up", "link set dev eth0 up", ...addressLines(site, host)],
      ...extraHostLines(site, host),
    ]),
  ]);
}

/** Shell lines for an `eth0` that is new. */
export function interfaceLines(): string[] {
  // Link-local addresses are there at once: nobody else has them.
  return ["echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad", ...leafLines("eth0")];
}

/** Lines for `ip -batch` that give a host what a DHCP server would; its interface is up. */
export function addressLines(site: SiteRecord, host: HostRecord): string[] {
  // The kernel makes link-local ones by itself.
  const own = host.addresses.filter((address) => !address.startsWith("fe80:"));
  return [
    ...own.map((address) => `address add ${address} dev eth0${noCheck(address)}`),
    ...site.gateways.map((gateway) => `route add default via ${gateway.split("/")[0]} dev eth0`),
  ];
}
