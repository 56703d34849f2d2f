/** Byte streams between hosts of the overlay, whatever their subnets, under host keys. */
import type { Libp2p, Stream } from "@libp2p/interface";
import { OverlayError } from "../errors.ts";
import type { HostStream, HostStreams } from "../types.ts";
import type { ChannelPool } from "./channel-pool.ts";
import type { PeerChannel } from "./peer-channel.ts";
import { tryStaggered } from "./staggered.ts";

const PROTOCOL_PREFIX = "/causeway/stream/";
const STAGGER_MS = 300;

export interface HostStreamParts {
  readonly node: Libp2p;
  readonly pool: ChannelPool;
  /** Where that host's key answers, as any host set says. */
  addressesOf(hostId: string): readonly string[];
}

export class OverlayHostStreams implements HostStreams {
  readonly #parts: HostStreamParts;

  constructor(parts: HostStreamParts) {
    this.#parts = parts;
  }

  async dial(hostId: string, protocol: string, signal: AbortSignal): Promise<HostStream> {
    const channel = this.#open(hostId) ?? (await this.#connect(hostId, signal));
    const stream = await channel.connection.newStream(PROTOCOL_PREFIX + protocol, { signal });
    return toHostStream(stream, hostId);
  }

  handle(protocol: string, handler: (stream: HostStream) => Promise<void>): () => void {
    const { node, pool } = this.#parts;
    const name = PROTOCOL_PREFIX + protocol;
    void node.handle(name, async (stream, connection) => {
      try {
        await pool.admitted(connection);
        const channel = [...pool.channels].find((one) => one.connection === connection);
        if (channel === undefined) throw new OverlayError("ERR_OVERLAY_REFUSED", "no hello");
        await handler(toHostStream(stream, channel.hostId));
      } catch (error) {
        stream.abort(error as Error);
      }
    });
    return () => void node.unhandle(name);
  }

  #open(hostId: string): PeerChannel | undefined {
    return [...this.#parts.pool.channels].find(
      (channel) => channel.isOpen && channel.isMember && channel.hostId === hostId,
    );
  }

  async #connect(hostId: string, signal: AbortSignal): Promise<PeerChannel> {
    const { pool, addressesOf } = this.#parts;
    return tryStaggered(
      addressesOf(hostId),
      async (address) => {
        const channel = await pool.dial(address, signal);
        if (channel.isMember && channel.hostId === hostId) return channel;
        throw new OverlayError("ERR_OVERLAY_WRONG_PEER", `${address} is another host by now`);
      },
      STAGGER_MS,
    );
  }
}

function toHostStream(stream: Stream, peer: string): HostStream {
  return {
    peer,
    async write(bytes) {
      // libp2p's own onDrain() works once per stream.
      if (!stream.send(bytes)) await drained(stream);
    },
    closeWrite: () => stream.close(),
    abort: (reason) => stream.abort(reason),
    bytes: readPaced(stream),
  };
}

function drained(stream: Stream): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onClose = (): void => reject(new OverlayError("ERR_OVERLAY_UNREACHABLE", "stream closed"));
  stream.addEventListener("close", onClose, { once: true });
  stream.addEventListener("drain", () => resolve(), { once: true });
  return promise.finally(() => stream.removeEventListener("close", onClose));
}

/** libp2p's own loop has no back-pressure: the stream is paused while the reader works. */
async function* readPaced(stream: Stream): AsyncGenerator<Uint8Array> {
  for await (const bytes of stream) {
    stream.pause();
    yield bytes.subarray();
    if (stream.readStatus === "paused") stream.resume();
  }
}
