/** TCP connections to an imported service, at one address. */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { BoundEntrance, EntranceParts } from "./entrance.ts";
import { reset, SOCKET_OPTIONS, SOCKET_QUEUE_BYTES, splice } from "./splice.ts";

export class StreamEntrance implements BoundEntrance {
  readonly #parts: EntranceParts;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #ending = new AbortController();

  /** @throws as the system does */
  static async bind(address: string, port: number, parts: EntranceParts): Promise<StreamEntrance> {
    const entrance = new StreamEntrance(parts);
    entrance.#server.listen({ host: address, port, ipv6Only: address.includes(":") });
    await once(entrance.#server, "listening");
    entrance.#server.on("error", ({ message }) =>
      parts.warn("imported service disturbed", message),
    );
    return entrance;
  }

  private constructor(parts: EntranceParts) {
    this.#parts = parts;
    this.#server = createServer(
      { ...SOCKET_OPTIONS, pauseOnConnect: true, highWaterMark: SOCKET_QUEUE_BYTES },
      (socket) => void this.#carry(socket),
    );
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#ending.abort();
    for (const socket of this.#sockets) reset(socket);
    await closed;
  }

  async #carry(socket: Socket): Promise<void> {
    const { open, release, tally } = this.#parts;
    this.#sockets.add(socket);
    socket.on("error", () => {}); // until the splice looks for itself
    const client = socket.remoteAddress ?? "";
    try {
      const { stream, bytes } = await open(client, this.#ending.signal);
      try {
        await splice({
          socket,
          stream,
          bytes,
          onSent: (count) => (tally.bytesToService += count),
          onReceived: (count) => (tally.bytesFromService += count),
        });
      } finally {
        release(client);
      }
    } catch {
      reset(socket); // it was counted and told where it failed; the client sees a reset
    } finally {
      this.#sockets.delete(socket);
    }
  }
}
