/**
 * All channels of one libp2p node: every connection gets one, whoever dialled and why.
 *
 * Dials go to bare addresses on purpose: a dial by peer id, or to an address that names one, would
 * use the newest connection to any host of that subnet.
 */
import type { Connection, Libp2p } from "@libp2p/interface";
import type { Multiaddr } from "@multiformats/multiaddr";
import { randomBytes } from "node:crypto";
import { isEqualBytes } from "../../platform/bytes.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import { parseDialable, toMultiaddrText } from "../address.ts";
import { OverlayError } from "../errors.ts";
import { NONCE_BYTES } from "../identity/hello.ts";
import type { RelayAt } from "../subnet/host-set.ts";
import type { ChannelTrust } from "./channel-trust.ts";
import { ForeignVersions } from "./foreign-versions.ts";
import type { Introduced } from "./introduction.ts";
import { relayedAddress, toMultiaddr } from "./nodes.ts";
import type { PeerLimits } from "./peer-limits.ts";
import type { ChannelContext } from "./channel-context.ts";
import { PEER_PROTOCOL, PeerChannel } from "./peer-channel.ts";

/** A connection whose hello is not proven by then is cut. */
const HELLO_DEADLINE_MS = 8_000;
/** A host that comes anew may have lost its former connections without a word. */
const FORMER_PROBE_MS = 1_500;

export interface PoolParts extends Omit<
  ChannelContext,
  "ownPeerId" | "hello" | "revoked" | "onOpen" | "onClose" | "onRefused" | "onForeignVersion"
> {
  /** What this host says of itself, but for the nonce. */
  introduce(): Introduced;
  readonly trust: ChannelTrust;
  readonly limits: PeerLimits;
  readonly log: Logger;
}

export interface PoolListener {
  onOpen(channel: PeerChannel): void;
  onClose(channel: PeerChannel, reason: string): void;
}

export class ChannelPool {
  /** Peers that this node cut because they speak other wire versions. */
  readonly foreignVersions = new ForeignVersions();
  readonly #node: Libp2p;
  readonly #context: ChannelContext;
  readonly #log: Logger;
  readonly #channels = new Set<PeerChannel>();
  readonly #admissions = new WeakMap<Connection, PromiseWithResolvers<void>>();
  readonly #opening = new WeakMap<Connection, Promise<PeerChannel>>();
  readonly #dialling = new Map<string, Promise<PeerChannel>>();
  readonly #onConnection: (event: CustomEvent<Connection>) => void;
  #isClosed = false;

  private constructor(node: Libp2p, parts: PoolParts, listener: PoolListener) {
    const { introduce, trust, limits, log, ...rest } = parts;
    this.#node = node;
    this.#log = log;
    this.#context = {
      ...rest,
      ownPeerId: node.peerId.toString(),
      revoked: () => trust.revoked(),
      hello: () => ({
        ...introduce(),
        nonce: new Uint8Array(randomBytes(NONCE_BYTES)),
        revocations: trust.digest(),
      }),
      approve: (channel) => {
        const isStranger = channel.greeting.membership === undefined;
        if (isStranger) limits.checkStranger(ipOf(channel.connection));
        rest.approve(channel);
      },
      onCall: async (channel, method, body) => {
        limits.checkCall(channel.hostId, method, body);
        return trust.answer(channel, method, body) ?? rest.onCall(channel, method, body);
      },
      onNotice: (channel, method, body) => {
        if (!limits.allowsNotice(channel.hostId, method)) return;
        if (!trust.hear(channel, method, body)) rest.onNotice(channel, method, body);
      },
      onOpen: (channel) => {
        for (const former of this.#channels)
          if (former.hostId === channel.hostId) void former.probe(FORMER_PROBE_MS);
        this.#channels.add(channel);
        if (channel.isMember) this.#admission(channel.connection).resolve();
        listener.onOpen(channel);
        trust.onOpen(channel);
      },
      onForeignVersion: ({ remoteAddr }, { wireMin, wireMax }) => {
        const address = remoteAddr.toString().split("/")[2] ?? "";
        this.foreignVersions.note({
          address,
          wireMin,
          wireMax,
          atMs: parts.clock.monotonicMs(),
        });
      },
      onClose: (channel, reason) => {
        if (this.#channels.delete(channel)) listener.onClose(channel, reason);
      },
      onRefused: (channel, code, reason) => {
        // At an address that was another's there may be anybody, and it is no fault of theirs.
        const line = code === "ERR_OVERLAY_WRONG_PEER" ? log.debug : log.warn;
        line("peer refused", { address: channel.connection.remoteAddr.toString(), reason });
      },
    };
    this.#onConnection = ({ detail }) => this.#greet(detail);
  }

  static async start(node: Libp2p, parts: PoolParts, listener: PoolListener): Promise<ChannelPool> {
    const pool = new ChannelPool(node, parts, listener);
    await node.handle(
      PEER_PROTOCOL,
      (stream, connection) => PeerChannel.accept(stream, connection, pool.#context),
      { runOnLimitedConnection: true },
    );
    node.addEventListener("connection:open", pool.#onConnection);
    return pool;
  }

  get channels(): ReadonlySet<PeerChannel> {
    return this.#channels;
  }

  /** Streams of all connections of this node, whatever they carry. */
  get streams(): number {
    return this.#node.getConnections().reduce((sum, { streams }) => sum + streams.length, 0);
  }

  /** Resolves once that connection's other end has proven to be a member. */
  admitted(connection: Connection): Promise<void> {
    return this.#admission(connection).promise;
  }

  /**
   * Dials one address and waits for the hello; joins a dial under way.
   *
   * @param address  `ADDRESS:PORT`
   * @param expected refuses whom the caller did not mean
   * @throws {OverlayError} ERR_OVERLAY_UNREACHABLE, ERR_OVERLAY_WRONG_PEER, or the peer's refusal
   */
  async dial(address: string, signal: AbortSignal): Promise<PeerChannel> {
    const underWay = this.#dialling.get(address);
    if (underWay !== undefined) return underWay;
    return this.#join(address, toMultiaddr(toMultiaddrText(parseDialable(address))), signal);
  }

  /** Whether a member holds that key at the other end of an open channel. */
  hasMember(key: Uint8Array): boolean {
    return [...this.#channels].some(
      (channel) => channel.isOpen && channel.isMember && isEqualBytes(channel.greeting.host, key),
    );
  }

  /** As `dial`, to a host that cannot be dialled, through one that it has reserved a relay at. */
  async dialThrough(relay: RelayAt, host: Uint8Array, signal: AbortSignal): Promise<PeerChannel> {
    // The relay lets members through, and knows them by their hello.
    await this.dial(relay.address, signal);
    const target = relayedAddress(relay.host, relay.address, host);
    return this.#dialling.get(target.toString()) ?? this.#join(target.toString(), target, signal);
  }

  /** Ends all connections without a word: nobody of this link is there any more. */
  abandon(reason: string): void {
    for (const channel of this.#channels) channel.abort(reason);
    for (const connection of this.#node.getConnections()) connection.abort(new Error(reason));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#node.removeEventListener("connection:open", this.#onConnection);
    await this.#node.unhandle(PEER_PROTOCOL);
    for (const channel of this.#channels) channel.cut("ERR_OVERLAY_UNREACHABLE", "going away");
  }

  #join(name: string, target: Multiaddr, signal: AbortSignal): Promise<PeerChannel> {
    const dial = this.#dial(name, target, signal).finally(() => this.#dialling.delete(name));
    this.#dialling.set(name, dial);
    return dial;
  }

  async #dial(address: string, target: Multiaddr, signal: AbortSignal): Promise<PeerChannel> {
    let connection: Connection;
    try {
      connection = await this.#node.dial(target, { signal });
    } catch (cause) {
      const reason = signal.aborted ? "no answer in time" : errorMessage(cause);
      throw new OverlayError("ERR_OVERLAY_UNREACHABLE", `${address}: ${reason}`, { cause });
    }
    return this.#open(connection);
  }

  #greet(connection: Connection): void {
    if (this.#isClosed) return connection.abort(new Error("stopping"));
    this.#admission(connection);
    if (connection.direction === "inbound") return;
    this.#open(connection).catch((error: unknown) => {
      this.#log.debug("hello failed", { reason: errorMessage(error) });
      void connection.close().catch(() => {});
    });
  }

  #open(connection: Connection): Promise<PeerChannel> {
    const known = this.#opening.get(connection);
    if (known !== undefined) return known;
    const signal = AbortSignal.timeout(HELLO_DEADLINE_MS);
    const opening = PeerChannel.open(connection, this.#context, signal).catch((cause: unknown) => {
      if (cause instanceof OverlayError) throw cause;
      throw new OverlayError("ERR_OVERLAY_UNREACHABLE", errorMessage(cause), { cause });
    });
    this.#opening.set(connection, opening);
    return opening;
  }

  #admission(connection: Connection): PromiseWithResolvers<void> {
    const known = this.#admissions.get(connection);
    if (known !== undefined) return known;
    const admission = Promise.withResolvers<void>();
    admission.promise.catch(() => {}); // nobody need wait for it
    const timer = setTimeout(() => {
      admission.reject(new OverlayError("ERR_OVERLAY_REFUSED", "no hello in time"));
      const isGreeted = [...this.#channels].some((channel) => channel.connection === connection);
      if (!isGreeted) connection.abort(new Error("no hello in time"));
    }, HELLO_DEADLINE_MS);
    void admission.promise.then(() => clearTimeout(timer)).catch(() => {});
    connection.addEventListener("close", () => clearTimeout(timer));
    this.#admissions.set(connection, admission);
    return admission;
  }
}

function ipOf({ remoteAddr }: Connection): string {
  return remoteAddr.toString().split("/")[2] ?? "";
}
