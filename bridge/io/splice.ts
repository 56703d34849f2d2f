/**
 * A TCP connection and a host stream made one: bytes, ends of either way and resets pass both ways,
 * at the pace of the slower side.
 */
import { once } from "node:events";
import type { Socket, SocketConstructorOpts } from "node:net";
import type { HostStream } from "../../overlay/index.ts";
import { BridgeError } from "../errors.ts";

/** What may wait at a socket, in either direction, before the other side is held back. */
export const SOCKET_QUEUE_BYTES = 256 * 1024;

/** A way that only ended, and a service or client that is quiet for hours, are both fine. */
export const SOCKET_OPTIONS = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
} as const satisfies SocketConstructorOpts & object;

export interface Spliced {
  readonly socket: Socket;
  readonly stream: HostStream;
  /** What the stream gives, without its opening. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Counts what goes from the socket into the stream, and back. */
  onSent(bytes: number): void;
  onReceived(bytes: number): void;
}

/**
 * Resolves when both ways have ended.
 *
 * @throws what broke either; both ends are reset then
 */
export async function splice(spliced: Spliced): Promise<void> {
  const { socket, stream } = spliced;
  try {
    if (socket.destroyed) throw closed(socket);
    await Promise.all([send(spliced), receive(spliced)]);
  } catch (error) {
    stream.abort(error as Error);
    reset(socket);
    throw error;
  }
}

/** The other end is to see that this is no end. */
export function reset(socket: Socket): void {
  socket.on("error", () => {}); // its cause is known already
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

function send({ socket, stream, onSent }: Spliced): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let waitingBytes = 0;
  socket.on("data", (chunk: Buffer) => {
    onSent(chunk.length);
    waitingBytes += chunk.length;
    if (waitingBytes >= SOCKET_QUEUE_BYTES) socket.pause();
    stream.write(chunk).then(() => {
      waitingBytes -= chunk.length;
      if (waitingBytes < SOCKET_QUEUE_BYTES && socket.isPaused()) socket.resume();
    }, reject);
  });
  socket.once("end", () => void stream.closeWrite().then(resolve, reject));
  socket.once("close", () => reject(closed(socket)));
  socket.on("error", reject);
  socket.resume();
  return promise;
}

async function receive({ socket, bytes, onReceived }: Spliced): Promise<void> {
  for await (const chunk of bytes) {
    if (socket.destroyed) throw closed(socket);
    onReceived(chunk.length);
    if (!socket.write(chunk)) await until(socket, "drain");
  }
  if (socket.destroyed) throw closed(socket);
  socket.end();
  if (!socket.writableFinished) await until(socket, "finish");
}

/** @throws when the socket closes instead */
async function until(socket: Socket, event: "drain" | "finish"): Promise<void> {
  const ending = new AbortController();
  const { signal } = ending;
  try {
    await Promise.race([
      once(socket, event, { signal }),
      once(socket, "close", { signal }).then(() => {
        if (!socket.writableFinished) throw closed(socket);
      }),
    ]);
  } finally {
    ending.abort();
  }
}

function closed(socket: Socket): Error {
  return socket.errored ?? new BridgeError("ERR_BRIDGE_UNREACHABLE", "the connection was closed");
}
