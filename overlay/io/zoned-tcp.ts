/**
 * TCP for libp2p with link-local addresses: `/ip6zone/eth0/ip6/fe80::1/tcp/4778`.
 *
 * @libp2p/tcp 11 forgets the zone of an address that it dials, which fails with EINVAL then, and
 * drops inbound connections whose address the kernel gives with one. A zone is a host's own matter:
 * peers never hear of it.
 */
import type { Server, Socket } from "node:net";
import { tcp } from "@libp2p/tcp";
import type { Multiaddr } from "@multiformats/multiaddr";
import { ipOfMultiaddrText } from "../address.ts";

type CreateTransport = ReturnType<typeof tcp>;
type Transport = ReturnType<CreateTransport>;

const CONNECT = "_connect";

/** What libp2p's transport has beside its interface. */
interface Inside {
  [CONNECT](address: Multiaddr, options: object): Promise<Socket>;
}

/** @param allows whether a connection with that IP address, zone included, is allowed */
export function zonedTcp(allows: (address: string) => boolean): CreateTransport {
  return (components) => {
    const transport = tcp()(components);
    dialWithZone(transport as unknown as Inside);
    const createListener = transport.createListener.bind(transport);
    transport.createListener = (options): ReturnType<Transport["createListener"]> => {
      const listener = createListener(options);
      listenWithoutZone((listener as unknown as { readonly server: Server }).server, allows);
      return listener;
    };
    return transport;
  };
}

/** What is given as option overrides what the transport reads from the address. */
function dialWithZone(transport: Inside): void {
  const connect = transport[CONNECT].bind(transport);
  transport[CONNECT] = (address, options) => {
    const host = ipOfMultiaddrText(address.toString());
    return connect(address, host.includes("%") ? { ...options, host } : options);
  };
}

function listenWithoutZone(server: Server, allows: (address: string) => boolean): void {
  const listeners = server.listeners("connection") as ((socket: Socket) => void)[];
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    const [address = "", zone] = (socket.remoteAddress ?? "").split("%", 2);
    if (zone !== undefined && !allows(`${address}%${zone}`)) return void socket.destroy();
    if (zone !== undefined) Object.defineProperty(socket, "remoteAddress", { value: address });
    for (const listener of listeners) listener(socket);
  });
}
