/**
 * The two libp2p nodes of a host: one under the subnet's key, shared by all its hosts and part of
 * the DHT, one under the host's own key for host-to-host streams and admission.
 *
 * The subnet node lies behind the overlay's private network (a fence; certificates are the gate).
 * The host node does not, so that a newcomer can ask for admission; until the hello is proven it
 * serves nothing else.
 */
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { privateKeyFromRaw, publicKeyFromRaw } from "@libp2p/crypto/keys";
import { circuitRelayServer, circuitRelayTransport } from "@libp2p/circuit-relay-v2";
import { identify } from "@libp2p/identify";
import type { Connection, Libp2p, PeerId, StreamHandler } from "@libp2p/interface";
import { kadDHT, passthroughMapper, type KadDHT } from "@libp2p/kad-dht";
import { peerIdFromPublicKey } from "@libp2p/peer-id";
import { ping } from "@libp2p/ping";
import { preSharedKey } from "@libp2p/pnet";
import { multiaddr, type Multiaddr } from "@multiformats/multiaddr";
import { createLibp2p, type Libp2pOptions } from "libp2p";
import { concatBytes, toHex, utf8 } from "../../platform/bytes.ts";
import { errorCode, errorMessage } from "../../platform/errors.ts";
import { parseAddress, toMultiaddrText } from "../address.ts";
import { OverlayError } from "../errors.ts";
import type { KeyPair } from "../identity/keys.ts";
import { ipOfMultiaddrText } from "../address.ts";
import { createLibp2pLog } from "./libp2p-log.ts";
import { zonedTcp } from "./zoned-tcp.ts";

export const KAD_PROTOCOL = "/causeway/kad/1";
/** At most this much is in flight per stream; under libp2p's read buffer of 4 MiB. */
export const STREAM_WINDOW_BYTES_MAX = 2 * 2 ** 20;
export const K_BUCKET_SIZE = 8;
const HOP_STREAMS_MAX = 300;
/** A limited connection lives no longer than this, as the protocol wants a bound. */
const RELAYED_MS_MAX = 24 * 3_600_000;

/** What a node listens on and whom it may speak with. */
export interface NodeReach {
  readonly hasIpv4: boolean;
  readonly hasIpv6: boolean;
  /** Whether a connection with that IP address is allowed, either way. */
  readonly allows: (address: string) => boolean;
  /** Told of inbound connections that fail before any hello, as a stranger's do. */
  readonly refused?: (address: string, reason: string) => void;
}

export interface NodeOptions extends NodeReach {
  readonly key: KeyPair;
  /** 0: any free port. */
  readonly port: number;
}

export interface SubnetNodeOptions extends NodeOptions {
  /** The overlay's 32-byte pre-shared secret. */
  readonly secret: Uint8Array;
  /** Addresses of all hosts of the subnet. */
  announced(): Multiaddr[];
  /** Addresses found dead not long ago, which third parties go on naming. */
  isQuarantined(address: string): boolean;
  /** Resolves once the other end's hello is proven; rejects to refuse. */
  admitted(connection: Connection): Promise<void>;
}

export interface SubnetNode {
  readonly node: Libp2p;
  readonly dht: KadDHT;
}

/** What a host does for others that cannot be dialled, and how much of it. */
export interface RelayLimits {
  /** Hosts that may reserve; 0: none. */
  readonly reservationsMax: number;
  /** Bytes that one connection through this host may carry, both ways together; 0: no limit. */
  readonly connectionBytesMax: number;
  /** Whether that host key is a member's; only members are relayed. */
  readonly isMember: (key: Uint8Array) => boolean;
}

/** @throws {OverlayError} ERR_OVERLAY_PORT when the port is taken */
export async function createHostNode(options: NodeOptions, limits?: RelayLimits): Promise<Libp2p> {
  const common = base(options, {});
  const services = { identify: identify({ timeout: 15_000 }), ping: pings() };
  if (limits === undefined) return start({ ...common, services });
  const { reservationsMax, connectionBytesMax, isMember } = limits;
  const isStranger = (peer: PeerId): boolean => !isMember(publicKeyOf(peer) ?? new Uint8Array());
  const relay = circuitRelayServer({
    maxInboundHopStreams: HOP_STREAMS_MAX,
    maxOutboundStopStreams: HOP_STREAMS_MAX,
    reservations: {
      maxReservations: reservationsMax,
      applyDefaultLimit: connectionBytesMax > 0,
      ...(connectionBytesMax > 0 && {
        defaultDataLimit: BigInt(connectionBytesMax),
        defaultDurationLimit: RELAYED_MS_MAX,
      }),
    },
  });
  return start({
    ...common,
    transports: [
      ...common.transports,
      circuitRelayTransport({ maxInboundStopStreams: HOP_STREAMS_MAX, reservationConcurrency: 4 }),
    ],
    connectionGater: {
      ...common.connectionGater,
      denyInboundRelayReservation: isStranger,
      denyOutboundRelayedConnection: isStranger,
    },
    services: { ...services, ...(reservationsMax > 0 && { relay }) },
  });
}

/** Where a host is reached through one that it has a reservation at. */
export function relayedAddress(relay: Uint8Array, address: string, host: Uint8Array): Multiaddr {
  return throughRelay(relay, address).encapsulate(`/p2p/${peerIdOf(host).toString()}`);
}

/** Reserves a relay and listens through it. @throws when it refuses */
export async function listenThrough(
  node: Libp2p,
  relay: Uint8Array,
  address: string,
): Promise<void> {
  const { transportManager } = (node as unknown as WithComponents).components;
  await transportManager.listen([throughRelay(relay, address)]);
}

/** Whether a reservation at that relay stands. */
export function isListeningThrough(node: Libp2p, relay: Uint8Array): boolean {
  const { transportManager } = (node as unknown as WithComponents).components;
  const through = `/p2p/${peerIdOf(relay).toString()}/p2p-circuit`;
  return transportManager.getAddrs().some((address) => address.toString().includes(through));
}

function throughRelay(relay: Uint8Array, address: string): Multiaddr {
  const at = toMultiaddrText(parseAddress(address));
  return multiaddr(`${at}/p2p/${peerIdOf(relay).toString()}/p2p-circuit`);
}

/** @throws {OverlayError} ERR_OVERLAY_PORT when the port is taken */
export async function createSubnetNode(options: SubnetNodeOptions): Promise<SubnetNode> {
  const { secret, announced, isQuarantined, admitted, ...node } = options;
  const common = base(node, {
    addressFilter: async (_peer: PeerId, address: Multiaddr) => !isQuarantined(address.toString()),
  });
  const started = await start({
    ...common,
    connectionProtector: preSharedKey({ psk: swarmKey(secret) }),
    addresses: { ...common.addresses, announceFilter: () => announced() },
    services: {
      identify: identify({ timeout: 15_000 }), // no identify-push: it seals with the clock
      ping: pings(),
      dht: (components) => createDht(gated(components as unknown as KadComponents, admitted)),
    },
  });
  return { node: started, dht: started.services.dht as KadDHT };
}

export function peerIdOf(publicKey: Uint8Array): PeerId {
  return peerIdFromPublicKey(publicKeyFromRaw(publicKey));
}

/** The raw Ed25519 key inside a peer id; `undefined` for other kinds of key. */
export function publicKeyOf(peerId: PeerId): Uint8Array | undefined {
  return peerId.type === "Ed25519" ? peerId.publicKey.raw : undefined;
}

/** The port that a node really listens on, where 0 was asked for. */
export function listeningPort(node: Libp2p): number {
  // `getMultiaddrs` obeys the announce filter, so the transports are asked themselves.
  const { transportManager } = (node as unknown as WithComponents).components;
  for (const address of transportManager.getAddrs()) {
    const port = /\/tcp\/(\d+)/.exec(address.toString())?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new OverlayError("ERR_OVERLAY_PORT", "the node listens nowhere");
}

interface WithComponents {
  readonly components: {
    readonly transportManager: {
      getAddrs(): Multiaddr[];
      listen(addresses: Multiaddr[]): Promise<void>;
    };
  };
}

type KadComponents = Parameters<ReturnType<typeof kadDHT>>[0];

function createDht(components: KadComponents): KadDHT {
  return kadDHT({
    protocol: KAD_PROTOCOL,
    clientMode: false, // until others have failed to dial this subnet
    peerInfoMapper: passthroughMapper, // private addresses are the rule here
    kBucketSize: K_BUCKET_SIZE,
    alpha: 3,
    disjointPaths: 2,
    initialQuerySelfInterval: 300,
    querySelfInterval: 60_000,
    networkDialTimeout: { minTimeout: 1_500, maxTimeout: 5_000 },
  })(components);
}

/**
 * Lets no DHT message in before the connection's hello is proven.
 *
 * libp2p's own `use()` appends the handler to the registered list at each stream, so the handler
 * is wrapped where it registers.
 */
function gated(
  components: KadComponents,
  admitted: (connection: Connection) => Promise<void>,
): KadComponents {
  const { registrar } = components;
  const handle: typeof registrar.handle = (protocol, handler, options) => {
    const checked: StreamHandler = (stream, connection) =>
      admitted(connection).then(
        () => handler(stream, connection),
        (error: unknown) => stream.abort(error as Error),
      );
    return registrar.handle(protocol, checked, options);
  };
  const wrapped = new Proxy(registrar, {
    get: (target, name) => {
      if (name === "handle") return handle;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return new Proxy(components, {
    get: (target, name) => (name === "registrar" ? wrapped : Reflect.get(target, name)),
  });
}

function base(options: NodeOptions, peerStore: object) {
  const { key, port, hasIpv4, hasIpv6, allows, refused = () => {}, ...rest } = options;
  rest satisfies Record<string, never>;
  const isDenied = (address: Multiaddr): boolean => !allows(ipOfMultiaddrText(address.toString()));
  const listen = [
    ...(hasIpv4 ? [`/ip4/0.0.0.0/tcp/${port}`] : []),
    ...(hasIpv6 ? [`/ip6/::/tcp/${port}`] : []),
  ];
  return {
    privateKey: privateKeyFromRaw(concatBytes(key.seed, key.publicKey)),
    logger: createLibp2pLog(refused),
    addresses: { listen },
    transports: [zonedTcp(allows)],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: STREAM_WINDOW_BYTES_MAX } })],
    connectionManager: {
      inboundConnectionThreshold: 100, // default 5 a second and address
      maxIncomingPendingConnections: 100,
      maxParallelDials: 50,
      addressDialTimeout: 3_000,
      dialTimeout: 6_000,
      reconnectRetries: 0, // the neighbours and siblings see to that
    },
    connectionGater: {
      denyDialMultiaddr: (address) => isDenied(address),
      denyInboundConnection: (inbound) => isDenied(inbound.remoteAddr),
    },
    connectionMonitor: { enabled: false }, // channels have their own heartbeat
    transportManager: { faultTolerance: 0 },
    peerStore: { maxAddressAge: Infinity, ...peerStore },
  } satisfies Libp2pOptions;
}

/** One ping slot a connection is not enough: kad and others share it and would cut each other. */
function pings() {
  return ping({ maxInboundStreams: 32, maxOutboundStreams: 32 });
}

async function start(options: Libp2pOptions): Promise<Libp2p> {
  try {
    return await createLibp2p(options);
  } catch (cause) {
    if (
      !/EADDRINUSE|could not listen|No configured address/i.test(
        String(errorCode(cause)) + errorMessage(cause),
      )
    )
      throw cause;
    const where = options.addresses?.listen?.join(", ") ?? "";
    throw new OverlayError(
      "ERR_OVERLAY_PORT",
      `cannot listen on ${where}: the port is taken; stop the other program or choose another --port`,
      { cause },
    );
  }
}

/** pnet's key file text; base16 as its only body. */
function swarmKey(secret: Uint8Array): Uint8Array {
  if (secret.length !== 32) throw new OverlayError("ERR_OVERLAY_CERTIFICATE", "no overlay secret");
  return utf8(`/key/swarm/psk/1.0.0/\n/base16/\n${toHex(secret)}`);
}

export function toMultiaddr(text: string): Multiaddr {
  return multiaddr(text);
}
