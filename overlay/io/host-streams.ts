/**
 * Byte streams between hosts of the overlay, whatever their subnets, under host keys.
 *
 * A host that cannot be dialled is reached through its relays; where this end can be dialled, the
 * other is then asked to do so, and the stream goes direct (design, "Reachability").
 */
import type { Connection, Libp2p, Stream } from "@libp2p/interface";
import { fromBase32 } from "../../platform/base32.ts";
import { OverlayError } from "../errors.ts";
import type { HostStream, HostStreams } from "../types.ts";
import type { ChannelPool } from "./channel-pool.ts";
import type { HostLocator } from "./host-locator.ts";
import { CALL } from "../schema/methods.ts";
import { PacedStream } from "./paced-stream.ts";
import type { PeerChannel } from "./peer-channel.ts";
import { tryStaggered } from "./staggered.ts";

const PROTOCOL_PREFIX = "/causeway/stream/";
/**
 * Streams of one protocol on one connection, either way; libp2p's default is 32 in and 64 out. One too
 * many is reset without a word, so handlers refuse at a cap of their own below this.
 */
const STREAMS_MAX = 900;
const STAGGER_MS = 300;
const REVERSE_TIMEOUT_MS = 1_500;

export interface HostStreamParts {
  readonly node: Libp2p;
  readonly pool: ChannelPool;
  readonly locator: HostLocator;
  /** Whether other subnets can dial this host. */
  isReachable(): boolean;
}

export class OverlayHostStreams implements HostStreams {
  readonly #parts: HostStreamParts;

  constructor(parts: HostStreamParts) {
    this.#parts = parts;
  }

  async dial(hostId: string, protocol: string, signal: AbortSignal): Promise<HostStream> {
    const channel = this.#open(hostId) ?? (await this.#connect(hostId, signal));
    const stream = await channel.connection.newStream(PROTOCOL_PREFIX + protocol, {
      signal,
      runOnLimitedConnection: true,
      maxOutboundStreams: STREAMS_MAX,
    });
    return new PacedStream(stream, { peer: channel.hostId, isRelayed: channel.isRelayed });
  }

  handle(protocol: string, handler: (stream: HostStream) => Promise<void>): () => void {
    const { node, pool } = this.#parts;
    const name = PROTOCOL_PREFIX + protocol;
    const serve = async (stream: Stream, connection: Connection): Promise<void> => {
      try {
        await pool.admitted(connection);
        const channel = [...pool.channels].find((one) => one.connection === connection);
        if (channel === undefined) throw new OverlayError("ERR_OVERLAY_REFUSED", "no hello");
        const { hostId: peer, isRelayed } = channel;
        await handler(new PacedStream(stream, { peer, isRelayed }));
      } catch (error) {
        stream.abort(error as Error);
      }
    };
    void node.handle(name, serve, {
      runOnLimitedConnection: true,
      maxInboundStreams: STREAMS_MAX,
      maxOutboundStreams: STREAMS_MAX,
    });
    return () => void node.unhandle(name);
  }

  /** An open channel, a direct one if there is a choice. */
  #open(hostId: string): PeerChannel | undefined {
    const open = [...this.#parts.pool.channels].filter(
      (channel) => channel.isOpen && channel.isMember && channel.hostId === hostId,
    );
    return open.find((channel) => !channel.isRelayed) ?? open[0];
  }

  async #connect(hostId: string, signal: AbortSignal): Promise<PeerChannel> {
    const { pool, locator } = this.#parts;
    const { addresses, relays } = await locator.locate(hostId);
    const key = fromBase32(hostId);
    const ways = [
      ...addresses.map((address) => () => pool.dial(address, signal)),
      ...relays.map((relay) => () => pool.dialThrough(relay, key, signal)),
    ];
    if (ways.length === 0)
      throw new OverlayError("ERR_OVERLAY_UNREACHABLE", `nobody says where host ${hostId} is`);
    const channel = await tryStaggered(
      ways,
      async (reach) => {
        const reached = await reach();
        if (reached.isMember && reached.hostId === hostId) return reached;
        throw new OverlayError("ERR_OVERLAY_WRONG_PEER", "another host answers there by now");
      },
      STAGGER_MS,
    );
    return channel.isRelayed ? this.#reverse(channel) : channel;
  }

  /** Has the other end dial this one, if that can be done; else goes on through the relay. */
  async #reverse(channel: PeerChannel): Promise<PeerChannel> {
    if (!this.#parts.isReachable()) return channel;
    try {
      await channel.call(CALL.reverse, new Uint8Array(), REVERSE_TIMEOUT_MS);
    } catch {
      return channel; // the relay serves
    }
    return this.#open(channel.hostId) ?? channel;
  }
}
