/**
 * Which interface the daemon lives on, and how to tell one link from another.
 *
 * Addresses come from Node; routes and hardware addresses from /proc, which Node does not show.
 * Where there is no /proc (not Linux) the first interface with an address is taken, and the
 * gateway's hardware address is unknown.
 */
import { readFileSync } from "node:fs";
import { createSocket } from "node:dgram";
import { networkInterfaces } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { OverlayError } from "../errors.ts";
import {
  type InterfaceAddress,
  type LinkAddressing,
  formatAddress,
  isIpv6LinkLocal,
  parseAddress,
  prefixText,
} from "../../platform/address.ts";
import type { LinkFingerprint } from "../link/fingerprint.ts";

/** Devices that lead elsewhere or to containers: only used when named. */
const VIRTUAL =
  /^(?:lo|docker|veth|br-|virbr|vnet|vmnet|vboxnet|cni|flannel|cali|weave|kube|podman|lxc|lxd|incus|tun|tap|wg|ppp|tailscale|zt|nebula|utun|dummy|ifb|sit|gre|ip6tnl|ip6gre|ip_vti|erspan|macvtap|ovs-)/;
/** Point-to-point tunnels have no hardware address, whatever they are called. */
const NO_HARDWARE = "00:00:00:00:00:00";
/** RFC 3927 and RFC 4291: every link has these, so they tell none from another. */
const EVERYWHERE = /^169\.254\./;

const ROUTE_UP = 0x1;
const ROUTE_REJECT = 0x200;
const ARP_COMPLETE = 0x2;
const DISCARD_PORT = 9;
const ARP_POLL_MS = 10;

export interface DefaultRoute {
  readonly interface: string;
  /** `null` when the route has none, as on point-to-point links. */
  readonly gateway: string | null;
  readonly metric: number;
}

/**
 * Picks the interface.
 *
 * @param named  as the user said; `null` for the one of the default route
 * @returns      `undefined` when no interface is usable (yet); a named one may be without address
 * @throws {OverlayError} ERR_OVERLAY_LINK if the named interface does not exist
 */
export function pickLink(named: string | null): LinkAddressing | undefined {
  if (named !== null) {
    if (!hasInterface(named))
      throw new OverlayError(
        "ERR_OVERLAY_LINK",
        `no interface ${named}; there are: ${interfaceNames().join(", ") || "none"}`,
      );
    return readLink(named);
  }
  return routedLink() ?? usable(interfaceNames());
}

/** The link of the best default route; absent while no route leads anywhere. */
export function routedLink(): LinkAddressing | undefined {
  return usable(defaultRoutes().map((route) => route.interface));
}

function usable(names: readonly string[]): LinkAddressing | undefined {
  return names
    .filter((name) => !VIRTUAL.test(name) && hasHardware(name))
    .map((name) => readLink(name))
    .find(({ addresses }) => addresses.length > 0);
}

/** The addresses of an interface, link-local ones last; none while it is down. */
export function readLink(name: string): LinkAddressing {
  const addresses = (networkInterfaces()[name] ?? []).flatMap(({ address, cidr }) =>
    cidr === null ? [] : { address, prefixBits: Number(cidr.split("/")[1]) },
  );
  return { name, addresses: addresses.toSorted((a, b) => rank(a) - rank(b)) };
}

/** Default routes, best first; IPv4 before IPv6. */
export function defaultRoutes(): DefaultRoute[] {
  return [
    ...parseIpv4Routes(readProc("/proc/net/route")),
    ...parseIpv6Routes(readProc("/proc/net/ipv6_route")),
  ];
}

/** Reads default routes from the text of /proc/net/route. */
export function parseIpv4Routes(text: string): DefaultRoute[] {
  return text
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, destination, , flags, , , , mask]) => {
      const bits = Number.parseInt(flags ?? "", 16);
      return destination === "00000000" && mask === "00000000" && isUsable(bits);
    })
    .map(([name, , gateway, , , , metric]) => ({
      interface: name!,
      gateway: nonZero(Uint8Array.from(Buffer.from(gateway!, "hex")).toReversed()),
      metric: Number(metric),
    }))
    .toSorted((a, b) => a.metric - b.metric);
}

/** Reads default routes from the text of /proc/net/ipv6_route. */
export function parseIpv6Routes(text: string): DefaultRoute[] {
  return text
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([destination, bits, , , , , , , flags, name]) => {
      const isDefault = /^0{32}$/.test(destination ?? "") && bits === "00";
      return isDefault && name !== "lo" && isUsable(Number.parseInt(flags ?? "", 16));
    })
    .map(([, , , , gateway, metric, , , , name]) => ({
      interface: name!,
      gateway: nonZero(Uint8Array.from(Buffer.from(gateway!, "hex"))),
      metric: Number.parseInt(metric!, 16),
    }))
    .toSorted((a, b) => a.metric - b.metric);
}

/** The hardware address of a neighbour from the text of /proc/net/arp. */
export function parseArp(text: string, address: string, interfaceName: string): string | null {
  for (const line of text.split("\n").slice(1)) {
    const [ip, , flags, mac, , device] = line.trim().split(/\s+/);
    if (ip !== address || device !== interfaceName) continue;
    if ((Number(flags) & ARP_COMPLETE) !== 0 && mac !== undefined) return mac.toLowerCase();
  }
  return null;
}

/**
 * What tells this link from another.
 *
 * A host that just booted has not spoken to its gateway, so the kernel does not know the hardware
 * address yet: one empty datagram to the discard port makes it ask.
 *
 * @param waitMs how long the gateway may take; 0 sends nothing
 */
export async function linkFingerprint(
  link: LinkAddressing,
  waitMs: number,
): Promise<LinkFingerprint> {
  const prefixes = link.addresses
    .filter(({ address }) => !isIpv6LinkLocal(parseAddress(address)!) && !EVERYWHERE.test(address))
    .map(prefixText);
  return {
    prefixes: [...new Set(prefixes)].toSorted(),
    gatewayMac: await gatewayMac(link.name, waitMs),
  };
}

/** The gateway's hardware address as the kernel knows it now, nobody asked. */
export function knownGatewayMac(name: string): string | null {
  const ipv4 = gatewayOf(parseIpv4Routes(readProc("/proc/net/route")), name);
  const known = ipv4 === null ? null : parseArp(readProc("/proc/net/arp"), ipv4, name);
  if (known !== null) return known;
  const ipv6 = gatewayOf(parseIpv6Routes(readProc("/proc/net/ipv6_route")), name);
  return ipv6 === null ? null : hardwareOf(ipv6);
}

/**
 * The hardware address inside a link-local address made of one (RFC 4291, appendix A).
 *
 * The kernel tells its IPv6 neighbours to nobody who reads files; routers mostly say it themselves.
 */
export function hardwareOf(linkLocal: string): string | null {
  const bytes = parseAddress(linkLocal);
  if (bytes === undefined || !isIpv6LinkLocal(bytes)) return null;
  if (bytes[11] !== 0xff || bytes[12] !== 0xfe) return null;
  const mac = [bytes[8]! ^ 2, ...bytes.subarray(9, 11), ...bytes.subarray(13)];
  return mac.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/**
 * What changes when the cable is pulled and put back, though the addresses stay: the count of
 * carrier changes, the interface's number and its hardware address.
 */
export function readPlug(name: string): string {
  const read = (file: string): string => readProc(`/sys/class/net/${name}/${file}`).trim();
  return [read("carrier_changes"), read("ifindex"), read("address")].join(" ");
}

async function gatewayMac(name: string, waitMs: number): Promise<string | null> {
  const known = knownGatewayMac(name);
  if (known !== null || waitMs <= 0) return known;
  const socket = createSocket("udp4");
  socket.on("error", () => {});
  let asked: string | null = null;
  try {
    for (let waitedMs = 0; waitedMs < waitMs; waitedMs += ARP_POLL_MS) {
      // The route may come a moment after the address.
      const gateway = gatewayOf(parseIpv4Routes(readProc("/proc/net/route")), name);
      if (gateway !== null && gateway !== asked)
        socket.send(new Uint8Array(0), DISCARD_PORT, gateway, () => {});
      asked = gateway;
      await sleep(ARP_POLL_MS);
      const found = knownGatewayMac(name);
      if (found !== null) return found;
    }
    return null;
  } finally {
    socket.close();
  }
}

/** The router that the interface's IPv4 default route leads to. */
export function ipv4Gateway(name: string): string | null {
  return gatewayOf(parseIpv4Routes(readProc("/proc/net/route")), name);
}

function gatewayOf(routes: readonly DefaultRoute[], name: string): string | null {
  return routes.find((route) => route.interface === name)?.gateway ?? null;
}

function hasHardware(name: string): boolean {
  return (networkInterfaces()[name] ?? []).some(({ mac }) => mac !== NO_HARDWARE);
}

function hasInterface(name: string): boolean {
  // One without an address is known to the kernel only.
  const listed = readProc("/proc/net/dev")
    .split("\n")
    .some((line) => line.trimStart().startsWith(`${name}:`));
  return listed || networkInterfaces()[name] !== undefined;
}

function interfaceNames(): string[] {
  return Object.keys(networkInterfaces());
}

/** IPv4 first, link-local last. */
function rank({ address }: InterfaceAddress): number {
  const bytes = parseAddress(address);
  if (bytes === undefined || isIpv6LinkLocal(bytes)) return 2;
  return bytes.length === 4 ? 0 : 1;
}

function isUsable(flags: number): boolean {
  return (flags & ROUTE_UP) !== 0 && (flags & ROUTE_REJECT) === 0;
}

function nonZero(bytes: Uint8Array): string | null {
  return bytes.some((byte) => byte !== 0) ? formatAddress(bytes) : null;
}

function readProc(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
