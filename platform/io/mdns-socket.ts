/**
 * One multicast DNS socket for one address family on one interface.
 *
 * The package `multicast-dns` makes and binds it. Its decoder is not used: it joins labels with
 * dots, allocates whatever counts a header claims, and cannot write compressed names.
 *
 * Bound to the *group* address: a socket on 0.0.0.0:5353 would get all unicast that is meant for
 * Avahi (measured: Avahi then answers 0 of 10 unicast queries, and 10 of 10 this way). Hence we
 * get no unicast and never ask for any (QU).
 */
import { type RemoteInfo, type Socket, createSocket } from "node:dgram";
import multicastDns from "multicast-dns";
import { errorMessage } from "../errors.ts";
import type { LinkAddressing } from "../address.ts";

const MDNS_PORT = 5353;
const GROUP = { ipv4: "224.0.0.251", ipv6: "ff02::fb" } as const;

export type Family = keyof typeof GROUP;
export const FAMILIES: readonly Family[] = ["ipv4", "ipv6"];

export interface MdnsSocket {
  readonly family: Family;
  /** To the group, or to one asker. Failures are reported to `onFailure`. */
  send(
    bytes: Uint8Array,
    to: { readonly address: string; readonly port: number } | null,
  ): Promise<boolean>;
  close(): Promise<void>;
}

export interface MdnsSocketOptions {
  readonly family: Family;
  readonly link: LinkAddressing;
  readonly onMessage: (bytes: Uint8Array, from: RemoteInfo) => void;
  /** A send or the socket failed; the socket stays. */
  readonly onFailure: (error: Error) => void;
}

/** Whether the link has an address of the family. */
export function hasFamily(link: LinkAddressing, family: Family): boolean {
  return ownAddress(link, family) !== undefined;
}

/** @throws whatever the bind or the joining of the group says, such as EADDRINUSE */
export async function openMdnsSocket(options: MdnsSocketOptions): Promise<MdnsSocket> {
  const { family, link, onMessage, onFailure, ...rest } = options;
  rest satisfies Record<string, never>;
  const type = family === "ipv4" ? "udp4" : "udp6";
  const group = family === "ipv4" ? GROUP.ipv4 : `${GROUP.ipv6}%${link.name}`;
  const socket = createSocket({ type, reuseAddr: true });
  const mdns = multicastDns({
    socket,
    type,
    ip: GROUP[family],
    port: MDNS_PORT,
    bind: group,
    interface: family === "ipv4" ? (ownAddress(link, family) ?? "") : `::%${link.name}`,
  });
  socket.removeAllListeners("message");
  let fail = onFailure;
  // For good: a bind that fails is reported twice.
  for (const event of ["error", "warning"] as const) mdns.on(event, (error) => fail(error));
  await new Promise<void>((resolve, reject) => {
    // Before `ready` a warning means that the group could not be joined.
    fail = (error) => mdns.destroy(() => reject(error));
    mdns.once("ready", resolve);
  });
  fail = onFailure;
  // RFC 6762 §11: answers to one asker too; the package sees to multicast only.
  socket.setTTL(255);
  socket.on("message", onMessage);
  return {
    family,
    send: (bytes, to) => send(socket, bytes, to ?? { address: group, port: MDNS_PORT }, onFailure),
    close: () => new Promise((resolve) => mdns.destroy(() => resolve())),
  };
}

function send(
  socket: Socket,
  bytes: Uint8Array,
  { address, port }: { readonly address: string; readonly port: number },
  onFailure: (error: Error) => void,
): Promise<boolean> {
  return new Promise((resolve) => {
    try {
      socket.send(bytes, port, address, (error) => {
        if (error !== null) onFailure(error);
        resolve(error === null);
      });
    } catch (error) {
      // A socket that is closed already throws.
      onFailure(error instanceof Error ? error : new Error(errorMessage(error)));
      resolve(false);
    }
  });
}

function ownAddress({ addresses }: LinkAddressing, family: Family): string | undefined {
  return addresses.find(({ address }) => address.includes(":") === (family === "ipv6"))?.address;
}
