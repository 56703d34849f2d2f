/** An importer and exporters on loopback, and servers and clients for them. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { expect } from "vitest";
import { SILENT } from "../../../platform/logger.ts";
import { createSystemClock } from "../../../platform/io/system-clock.ts";
import {
  RelayEntry,
  type EnteredPort,
  type EnteredService,
} from "../../../bridge/io/relay-entry.ts";
import { RelayExit, type Resolution } from "../../../bridge/io/relay-exit.ts";
import type { RelayEntryOptions } from "../../../bridge/io/relay-entry.ts";
import type { RelayExitOptions } from "../../../bridge/io/relay-exit.ts";
import { MemoryOverlay } from "./memory-streams.ts";

export const ORIGIN = new Uint8Array(32).map((_, i) => 7 * i + 3);
export const LOOPBACK = {
  name: "lo",
  addresses: [
    { address: "127.0.0.1", prefixBits: 8 },
    { address: "::1", prefixBits: 128 },
  ],
};
const CLOCK = createSystemClock({ wallOffsetFile: null });

const cleanups: (() => unknown)[] = [];

/** To be called after each test. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
}

export interface RelayBed {
  readonly overlay: MemoryOverlay;
  readonly entry: RelayEntry;
  readonly exits: readonly RelayExit[];
  /** What the exporters say of the service; may be changed. */
  resolution: Resolution;
  enter(change?: Partial<EnteredService>, addresses?: readonly string[]): Promise<EnteredPort>;
}

export interface RelayBedOptions {
  readonly addresses?: readonly string[];
  readonly exporters?: readonly string[];
  readonly entry?: Partial<RelayEntryOptions>;
  readonly exit?: Partial<RelayExitOptions>;
}

export function openBed(port: number, given: RelayBedOptions = {}): RelayBed {
  const { addresses = ["127.0.0.1"], exporters = ["exporter"] } = given;
  const overlay = new MemoryOverlay();
  const bed: RelayBed = {
    overlay,
    resolution: { type: "target", addresses, port },
    entry: new RelayEntry(
      { streams: overlay.host("importer"), clock: CLOCK, log: SILENT },
      ["127.0.0.1"],
      given.entry,
    ),
    exits: exporters.map(
      (id) =>
        new RelayExit(
          {
            streams: overlay.host(id),
            log: SILENT,
            link: () => LOOPBACK,
            resolve: ({ origin }, opener) => {
              if (Buffer.compare(origin, ORIGIN) !== 0)
                return { type: "unknown", reason: "no such service" };
              if (opener !== "importer") return { type: "refused", reason: "no rule names you" };
              return bed.resolution;
            },
          },
          given.exit,
        ),
    ),
    enter: (change = {}, at) =>
      bed.entry.enter(
        {
          origin: ORIGIN,
          label: "Test (_test._tcp)",
          protocol: "tcp",
          port,
          exporters: () => exporters,
          ...change,
        },
        at,
      ),
  };
  cleanups.push(async () => {
    await bed.entry.close();
    for (const exit of bed.exits) exit.close();
  });
  return bed;
}

/** @returns its port */
export async function serve(
  onSocket: (socket: Socket) => unknown,
  host = "127.0.0.1",
): Promise<{ readonly port: number; readonly server: Server }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onSocket(socket);
  });
  server.listen(0, host);
  await once(server, "listening");
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, server };
}

/** Answers with what it got. */
export function echo(socket: Socket): void {
  socket.pipe(socket);
}

/** A server that echoes, and a bed that it has been entered at. */
export async function enterEcho(given: RelayBedOptions = {}): Promise<{
  readonly port: number;
  readonly server: Server;
  readonly bed: RelayBed;
  readonly entered: EnteredPort;
}> {
  const { port, server } = await serve(echo);
  const bed = openBed(port, given);
  return { port, server, bed, entered: await bed.enter() };
}

/** Says something on a connection that stays. @returns what comes next */
export async function askOn(client: Socket, text: string): Promise<string> {
  client.write(text);
  const [bytes] = (await once(client, "data")) as [Buffer];
  return bytes.toString();
}

/** A client; allowHalfOpen, so that ends are seen one by one. */
export async function dialTcp(port: number, host = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ host, port, allowHalfOpen: true });
  socket.on("error", () => {});
  cleanups.push(() => socket.destroy());
  await once(socket, "connect");
  return socket;
}

export async function openUdp(port = 0, host = "127.0.0.1"): Promise<UdpSocket> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  socket.bind(port, host);
  await once(socket, "listening");
  cleanups.push(() => socket.close());
  return socket;
}

/** All that comes until the other end has ended; the socket goes on. */
export async function readToEnd(socket: Socket): Promise<string> {
  const pieces: Buffer[] = [];
  socket.on("data", (bytes: Buffer) => pieces.push(bytes));
  await once(socket, "end");
  return Buffer.concat(pieces).toString();
}

/** How a connection ended. */
export async function closeOf(socket: Socket): Promise<Error | null> {
  if (!socket.closed) {
    socket.resume();
    await new Promise((resolve) => socket.once("close", resolve)); // once() would throw the error
  }
  return socket.errored;
}

/** Connects where it is to be reset, which may be before this end knows that it is connected. */
export async function refusedAt(port: number, host = "127.0.0.1"): Promise<void> {
  const socket = connect({ host, port });
  socket.on("error", () => {});
  cleanups.push(() => socket.destroy());
  const error = await closeOf(socket);
  expect(error).toMatchObject({ code: "ECONNRESET" });
}
