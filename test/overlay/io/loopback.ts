/** Host nodes on loopback, each with its channel pool: real libp2p, real sockets. */
import type { Libp2p } from "@libp2p/interface";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../../../platform/clock.ts";
import { SILENT } from "../../../platform/logger.ts";
import { WIRE_VERSION, WIRE_VERSION_MIN } from "../../../overlay/identity/hello.ts";
import { ChannelPool, type PoolParts } from "../../../overlay/io/channel-pool.ts";
import { NO_TRUST } from "../../../overlay/io/channel-trust.ts";
import { createHostNode, listeningPort } from "../../../overlay/io/nodes.ts";
import { PeerLimits } from "../../../overlay/io/peer-limits.ts";
import type { PeerChannel } from "../../../overlay/io/peer-channel.ts";
import type { Hello } from "../../../overlay/schema/messages.ts";
import { membershipOf, OVERLAY, pairOf, WALL_MS } from "../identity/members.ts";

/** Real time, but the wall clock of the test memberships. */
export const CLOCK: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => WALL_MS + Math.trunc(performance.now()),
};

export const REACH = { hasIpv4: true, hasIpv6: false, allows: () => true } as const;

export interface Peer {
  readonly name: string;
  readonly node: Libp2p;
  readonly pool: ChannelPool;
  /** `ADDRESS:PORT` */
  readonly address: string;
  readonly opened: PeerChannel[];
  readonly closed: string[];
  readonly notices: string[];
}

const stops: (() => Promise<void>)[] = [];

/** To be called after each test or file: stops all that was started. */
export async function stopAll(): Promise<void> {
  await Promise.all(stops.splice(0).map((stop) => stop()));
}

export function atStop(stop: () => Promise<void>): void {
  stops.push(stop);
}

/** Without goodbyes, which take half a second when both ends say them at once. */
export async function stopNode(node: Libp2p): Promise<void> {
  for (const connection of node.getConnections()) connection.abort(new Error("the test is over"));
  await node.stop();
}

export async function startNode(name: string): Promise<{ node: Libp2p; address: string }> {
  const node = await createHostNode({ key: pairOf(name), port: 0, ...REACH });
  stops.push(() => stopNode(node));
  return { node, address: `127.0.0.1:${listeningPort(node)}` };
}

export function helloOf(name: string, change: Partial<Hello> = {}): Hello {
  return {
    wireMin: WIRE_VERSION_MIN,
    wireMax: WIRE_VERSION,
    nonce: new Uint8Array(randomBytes(32)),
    host: pairOf(name).publicKey,
    overlay: OVERLAY,
    membership: membershipOf(name),
    subnet: new Uint8Array(),
    hostSet: null,
    wallMs: BigInt(WALL_MS),
    claim: null,
    statement: null,
    revocations: new Uint8Array(),
    ...change,
  };
}

/** What a stranger says. */
export const STRANGER: Partial<Hello> = { overlay: new Uint8Array(), membership: null };

export async function startPeer(
  name: string,
  given: Partial<PoolParts> & { readonly hello?: Partial<Hello> } = {},
): Promise<Peer> {
  const { hello, ...parts } = given;
  const { node, address } = await startNode(name);
  const opened: PeerChannel[] = [];
  const closed: string[] = [];
  const notices: string[] = [];
  const pool = await ChannelPool.start(
    node,
    {
      clock: CLOCK,
      log: SILENT,
      hostKey: pairOf(name),
      overlay: () => OVERLAY,
      introduce: () => helloOf(name, hello),
      subnetKey: () => undefined,
      trust: NO_TRUST,
      limits: new PeerLimits(CLOCK, SILENT),
      approve: () => {},
      onCall: async (_peer, _method, body) => body,
      onNotice: (_peer, method) => notices.push(method),
      heartbeatMs: 1_000,
      silenceMaxMs: 3_000,
      ...parts,
    },
    {
      onOpen: (channel) => opened.push(channel),
      onClose: (_channel, reason) => closed.push(reason),
    },
  );
  return { name, node, pool, address, opened, closed, notices };
}

export function dial(from: Peer, to: { readonly address: string }): Promise<PeerChannel> {
  return from.pool.dial(to.address, AbortSignal.timeout(6_000));
}

/** Polls until it holds; fails loudly when it never does. */
export async function until(what: string, holds: () => boolean, withinMs = 8_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`not in ${withinMs} ms: ${what}`);
    await sleep(10);
  }
}
