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
import type { Clock } from "../../platform/clock.ts";
import { OverlayError } from "../errors.ts";
import {
  type InterfaceAddress,
  type LinkAddressing,
  formatAddress,
  isIpv6LinkLocal,
  parseAddress,
  prefixText,
} from "../link/address.ts";

/** Devices that lead elsewhere or to containers: only used when named. */
const VIRTUAL =
  /^(?:lo|docker|veth|br-|virbr|vnet|cni|flannel|cali|podman|lxc|lxd|tun|tap|wg|ppp|tailscale|zt|utun|dummy|ifb|sit|gre|ip6tnl|ovs-)/;

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

export interface LinkFingerprint {
  /** Such as `192.168.1.0/24`; link-local ones are left out, since every link has them. */
  readonly prefixes: readonly string[];
  /** Lower case, `aa:bb:cc:dd:ee:ff`; `null` when the gateway is not known or did not answer. */
  readonly gatewayMac: string | null;
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
  const routed = defaultRoutes().map((route) => route.interface);
  const links = [...routed, ...interfaceNames()]
    .filter((name) => !VIRTUAL.test(name))
    .map((name) => readLink(name));
  return links.find(({ addresses }) => addresses.length > 0);
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
    .filter(({ address }) => !isIpv6LinkLocal(parseAddress(address)!))
    .map(prefixText);
  const route = parseIpv4Routes(readProc("/proc/net/route")).find(
    (known) => known.interface === link.name,
  );
  return {
    prefixes: [...new Set(prefixes)].toSorted(),
    gatewayMac:
      route === undefined || route.gateway === null
        ? null
        : await gatewayMac(route.gateway, link.name, waitMs),
  };
}

export interface WatchOptions {
  /** Called each time; `undefined` while there is no link. */
  readonly read: () => LinkAddressing | undefined;
  readonly clock: Clock;
  /** How often, in ms. */
  readonly everyMs: number;
  /** `wake` after a sleep, when the wall clock ran and the monotonic one did not. */
  readonly onChange: (link: LinkAddressing | undefined, reason: "addresses" | "wake") => void;
}

/** A jump of the wall clock that is no drift; a clock that is set by hand costs one packet. */
const SLEEP_MIN_MS = 10_000;

/** Looks at the interface every so often. @returns stops it */
export function watchLink({ read, clock, everyMs, onChange, ...rest }: WatchOptions): () => void {
  rest satisfies Record<string, never>;
  let known = JSON.stringify(read());
  let offsetMs = clock.wallMs() - clock.monotonicMs();
  const timer = setInterval(() => {
    const link = read();
    const seen = JSON.stringify(link);
    const nextOffsetMs = clock.wallMs() - clock.monotonicMs();
    const isAwake = nextOffsetMs - offsetMs > SLEEP_MIN_MS;
    offsetMs = nextOffsetMs;
    if (seen === known && !isAwake) return;
    const reason = seen === known ? "wake" : "addresses";
    known = seen;
    onChange(link, reason);
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

async function gatewayMac(gateway: string, name: string, waitMs: number): Promise<string | null> {
  const read = (): string | null => parseArp(readProc("/proc/net/arp"), gateway, name);
  const known = read();
  if (known !== null || waitMs <= 0) return known;
  const socket = createSocket("udp4");
  socket.on("error", () => {});
  socket.send(new Uint8Array(0), DISCARD_PORT, gateway, () => {});
  try {
    for (let waitedMs = 0; waitedMs < waitMs; waitedMs += ARP_POLL_MS) {
      await sleep(ARP_POLL_MS);
      const found = read();
      if (found !== null) return found;
    }
    return null;
  } finally {
    socket.close();
  }
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
