/**
 * `Routing` by kad-dht, with the eviction that kad-dht lacks.
 *
 * kad-dht keeps dead peers and hands them on; here a subnet whose hosts are all dead is removed,
 * and stays out until it has proven by a hello that it lives.
 */
import type { Libp2p, PeerId } from "@libp2p/interface";
import type { KadDHT } from "@libp2p/kad-dht";
import type { Logger } from "../../platform/logger.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Random } from "../../platform/random.ts";
import { fromBase32, toBase32 } from "../../platform/base32.ts";
import { compareDistance, positionOf } from "../routing/position.ts";
import type { Routing, RoutingEntry, RoutingEvent } from "../routing/routing.ts";
import { K_BUCKET_SIZE, peerIdOf, publicKeyOf, type SubnetNode } from "./nodes.ts";

/** What is used of kad-dht's routing table; public at run time, not in its types. */
interface KadTable extends EventTarget {
  readonly size: number;
  find(peer: PeerId): Promise<PeerId | undefined>;
  closestPeers(position: Uint8Array, options: { readonly count: number }): PeerId[];
  queueRoutingTableUpdate(peer: PeerId, options?: { readonly activeTimeout?: number }): void;
  remove(peer: PeerId): Promise<void>;
}

interface Placed extends RoutingEntry {
  readonly position: Uint8Array;
}

const ENTRY_CHECK_MS = 5_000;
/** Looks around after a start; kad-dht's own next self-query comes a minute later. */
const REFRESH_AFTER_MS = [1_500, 4_000, 9_000, 20_000];
const REFRESH_EVERY_MS = 60_000;
const REFRESH_TIMEOUT_MS = 5_000;
const REFRESH_KEYS = 2;

export class KadRouting implements Routing {
  readonly #node: Libp2p;
  readonly #dht: KadDHT;
  readonly #table: KadTable;
  readonly #log: Logger;
  readonly #self: Placed;
  readonly #entries = new Map<string, Placed>();
  readonly #evicted = new Set<string>();
  /** Subnets that cannot be dialled: they ask, and stand in no table. */
  readonly #clients = new Set<string>();
  #isClient = false;
  readonly #listeners: ((event: RoutingEvent) => void)[] = [];
  #changes = 0;
  #timer: NodeJS.Timeout | undefined;
  #refreshes = 0;

  constructor({ node, dht }: SubnetNode, log: Logger) {
    this.#node = node;
    this.#dht = dht;
    this.#log = log;
    this.#table = (dht as unknown as { readonly routingTable: KadTable }).routingTable;
    this.#self = place(node.peerId)!;
    this.#table.addEventListener("peer:add", (event) => this.#onAdd(peerOf(event)));
    this.#table.addEventListener("peer:remove", (event) => this.#onRemove(peerOf(event)));
  }

  /** Whether nobody can dial this subnet: it asks the DHT and keeps nobody else's records. */
  get isClient(): boolean {
    return this.#isClient;
  }

  get changes(): number {
    return this.#changes;
  }

  entries(): readonly RoutingEntry[] {
    return [...this.#entries.values()];
  }

  onEvent(listener: (event: RoutingEvent) => void): void {
    this.#listeners.push(listener);
  }

  closestKnown(key: Uint8Array, count: number): readonly RoutingEntry[] {
    return sortByDistance(key, [...this.#own(), ...this.#entries.values()]).slice(0, count);
  }

  async closest(
    key: Uint8Array,
    count: number,
    signal: AbortSignal,
  ): Promise<readonly RoutingEntry[]> {
    // Alone, a query would wait for its signal; kad-dht's own way round that spends its first
    // self-query on an empty table.
    if (this.#table.size === 0) return [this.#self];
    const found = new Map(this.#own().map((self) => [self.subnetId, self]));
    try {
      for await (const event of this.#dht.getClosestPeers(key, { signal })) {
        if (event.name === "FINAL_PEER") this.#collect(found, event.peer.id);
        else if (event.name === "PEER_RESPONSE") this.#collect(found, event.from);
      }
    } catch (error) {
      this.#log.debug("lookup ended early", { reason: errorMessage(error) });
    }
    for (const entry of this.closestKnown(key, K_BUCKET_SIZE))
      if (!found.has(entry.subnetId)) found.set(entry.subnetId, entry as Placed);
    return sortByDistance(key, [...found.values()]).slice(0, count);
  }

  /**
   * Begins to look around: for the own neighbourhood and for random keys, so that the table fills
   * when many subnets join at once.
   */
  start(random: Random): void {
    const nextMs = REFRESH_AFTER_MS[this.#refreshes++] ?? REFRESH_EVERY_MS;
    this.#timer = setTimeout(
      () => {
        void this.#refresh(random).finally(() => this.#timer !== undefined && this.start(random));
      },
      nextMs * random.between(0.75, 1.25),
    );
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  add(subnetId: string): void {
    this.#evicted.delete(subnetId);
    this.#clients.delete(subnetId);
    this.#table.queueRoutingTableUpdate(peerIdOf(fromBase32(subnetId)), {
      activeTimeout: ENTRY_CHECK_MS,
    });
  }

  async evict(subnetId: string): Promise<void> {
    this.#evicted.add(subnetId);
    const peer = peerIdOf(fromBase32(subnetId));
    await this.#table.remove(peer).catch(() => {}); // not in it: as wanted
    await this.#node.peerStore.delete(peer).catch(() => {});
    this.#forget(subnetId);
  }

  demote(subnetId: string): void {
    if (this.#clients.has(subnetId)) return;
    this.#clients.add(subnetId);
    void this.#table.remove(peerIdOf(fromBase32(subnetId))).catch(() => {}); // was not in it
    this.#forget(subnetId);
  }

  /**
   * Takes part in the DHT, or only asks it and keeps nobody else's records: nobody can dial it.
   */
  async serve(isServing: boolean): Promise<void> {
    const isClient = !isServing;
    if (isClient === this.#isClient) return;
    this.#isClient = isClient;
    await this.#dht.setMode(isServing ? "server" : "client");
    this.#emit({ type: isClient ? "removed" : "added", subnetId: this.#self.subnetId });
  }

  /** This subnet among those that keep records; a client does where it knows no other. */
  #own(): Placed[] {
    return this.#isClient && this.#entries.size > 0 ? [] : [this.#self];
  }

  async #refresh(random: Random): Promise<void> {
    const keys = Array.from({ length: REFRESH_KEYS }, () =>
      Uint8Array.from({ length: 32 }, () => random.below(256)),
    );
    for (const key of [this.#node.peerId.toMultihash().bytes, ...keys])
      await this.closest(key, K_BUCKET_SIZE, AbortSignal.timeout(REFRESH_TIMEOUT_MS));
  }

  #collect(found: Map<string, Placed>, peer: PeerId): void {
    const placed = place(peer);
    if (placed !== undefined && !this.#isKeptOut(placed.subnetId))
      found.set(placed.subnetId, placed);
  }

  #onAdd(peer: PeerId): void {
    const placed = place(peer);
    if (placed === undefined || placed.subnetId === this.#self.subnetId) return;
    if (this.#isKeptOut(placed.subnetId)) {
      void this.#table.remove(peer).catch(() => {}); // back on hearsay
      return;
    }
    if (this.#entries.has(placed.subnetId)) return;
    this.#entries.set(placed.subnetId, placed);
    this.#changes++;
    this.#emit({ type: "added", subnetId: placed.subnetId });
  }

  #isKeptOut(subnetId: string): boolean {
    return this.#evicted.has(subnetId) || this.#clients.has(subnetId);
  }

  #onRemove(peer: PeerId): void {
    const placed = place(peer);
    if (placed !== undefined) this.#forget(placed.subnetId);
  }

  #forget(subnetId: string): void {
    if (!this.#entries.delete(subnetId)) return;
    this.#changes++;
    this.#emit({ type: "removed", subnetId });
  }

  #emit(event: RoutingEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function peerOf(event: Event): PeerId {
  return (event as CustomEvent<PeerId>).detail;
}

function place(peer: PeerId): Placed | undefined {
  const subnet = publicKeyOf(peer);
  if (subnet === undefined) return undefined;
  // kad-dht places a peer at the SHA-256 of its multihash, and a key at the SHA-256 of the key.
  return { subnet, subnetId: toBase32(subnet), position: positionOf(peer.toMultihash().bytes) };
}

function sortByDistance(key: Uint8Array, entries: readonly Placed[]): Placed[] {
  const target = positionOf(key);
  return [...entries].sort((a, b) => compareDistance(target, a.position, b.position));
}
