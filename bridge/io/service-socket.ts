/** Connections to a local service: TCP to the first of its addresses that answers, and UDP. */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { isOnLink, withZone, type LinkAddressing } from "../../platform/address.ts";
import { errorMessage } from "../../platform/errors.ts";
import { BridgeError } from "../errors.ts";
import { reset, SOCKET_OPTIONS, SOCKET_QUEUE_BYTES } from "./splice.ts";
import { tryStaggered } from "../../platform/io/staggered.ts";

const STAGGER_MS = 300;
const CONNECT_TIMEOUT_MS = 5_000;

/** Where a service is, as the local link announces it. */
export interface ServiceAddress {
  /** Text without a zone, any order. */
  readonly addresses: readonly string[];
  readonly port: number;
}

/**
 * The addresses that may be dialled, with zones: those on the link, and no others, so that an
 * announcement by a host of the link leads nobody elsewhere, such as to a port of this host's loopback.
 *
 * @throws {BridgeError} ERR_BRIDGE_UNREACHABLE when there is none
 */
export function dialable({ addresses }: ServiceAddress, link: LinkAddressing): readonly string[] {
  const allowed = addresses.filter((address) => isOnLink(address, link));
  if (allowed.length > 0) return allowed.map((address) => withZone(address, link));
  const named = addresses.length > 0 ? addresses.join(", ") : "none";
  throw new BridgeError(
    "ERR_BRIDGE_UNREACHABLE",
    `no address of the service is on the link ${link.name}: ${named}`,
  );
}

/** @throws {BridgeError} ERR_BRIDGE_UNREACHABLE with the cause */
export async function connectService(
  target: ServiceAddress,
  link: LinkAddressing,
  signal: AbortSignal,
): Promise<Socket> {
  const { port } = target;
  try {
    return await tryStaggered({
      ways: dialable(target, link),
      staggerMs: STAGGER_MS,
      signal: AbortSignal.any([signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]),
      attempt: (host, unwanted) => connectOne(host, port, unwanted),
      isFinal: () => false,
      discard: reset,
    });
  } catch (cause) {
    if (cause instanceof BridgeError) throw cause;
    const why =
      cause instanceof DOMException
        ? `no answer in ${CONNECT_TIMEOUT_MS / 1000} s`
        : errorMessage(cause);
    throw new BridgeError("ERR_BRIDGE_UNREACHABLE", `the service does not answer: ${why}`, {
      cause,
    });
  }
}

async function connectOne(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const socket = connect({
    host,
    port,
    ...SOCKET_OPTIONS,
    // Node hands it on to the stream, though its types do not say so.
    ...{ writableHighWaterMark: SOCKET_QUEUE_BYTES },
  });
  socket.on("error", () => {}); // also between here and the splice, which looks for itself
  try {
    await once(socket, "connect", { signal });
    return socket;
  } catch (error) {
    reset(socket);
    throw error;
  }
}

/** A socket that sends to the first address of the service and hears nobody else. */
export async function openDatagrams(
  target: ServiceAddress,
  link: LinkAddressing,
): Promise<UdpSocket> {
  const [address = ""] = dialable(target, link);
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  try {
    socket.connect(target.port, address);
    await once(socket, "connect");
    return socket;
  } catch (cause) {
    socket.close();
    const why = errorMessage(cause);
    throw new BridgeError("ERR_BRIDGE_UNREACHABLE", `the service is not reached: ${why}`, {
      cause,
    });
  }
}
