/**
 * TCP for libp2p with link-local addresses, `/ip6zone/eth0/ip6/fe80::1/tcp/4778`, and with fewer
 * system calls.
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

/** Bytes that may wait for the kernel before writers are held back. */
const QUEUE_BYTES = 256 * 1024;

const CONNECT = "_connect";

/** What libp2p's transport has beside its interface. */
interface Inside {
  [CONNECT](address: Multiaddr, options: object): Promise<Socket>;
}

/** @param allows whether a connection with that IP address, zone included, is allowed */
export function zonedTcp(allows: (address: string) => boolean): CreateTransport {
  return (components) => {
    const transport = tcp({
      dialOpts: { writableHighWaterMark: QUEUE_BYTES } as object,
      listenOpts: { highWaterMark: QUEUE_BYTES } as object,
    })(components);
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
  transport[CONNECT] = async (address, options) => {
    const host = ipOfMultiaddrText(address.toString());
    return gather(await connect(address, host.includes("%") ? { ...options, host } : options));
  };
}

function listenWithoutZone(server: Server, allows: (address: string) => boolean): void {
  const listeners = server.listeners("connection") as ((socket: Socket) => void)[];
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    const [address = "", zone] = (socket.remoteAddress ?? "").split("%", 2);
    if (zone !== undefined && !allows(`${address}%${zone}`)) return void socket.destroy();
    if (zone !== undefined) Object.defineProperty(socket, "remoteAddress", { value: address });
    gather(socket);
    for (const listener of listeners) listener(socket);
  });
}

/**
 * Sends in one system call, and as few segments, what is written in one turn: noise writes a length,
 * a header, a body and a tag, each by itself.
 */
export function gather(socket: Socket): Socket {
  const write: (bytes: Uint8Array | string) => boolean = socket.write.bind(socket);
  let isGathering = false;
  socket.write = (bytes: Uint8Array | string) => {
    if (!isGathering) {
      isGathering = true;
      socket.cork();
      process.nextTick(() => {
        isGathering = false;
        socket.uncork();
      });
    }
    return write(bytes);
  };
  return socket;
}
