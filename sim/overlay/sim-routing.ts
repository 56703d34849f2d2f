/**
 * A small DHT in kad-dht's place: every subnet knows every other that it has met, and lookups ask
 * the closest known ones for closer ones. As in `overlay/io/kad-routing.ts` only a hello brings a
 * subnet into the table, and a lookup dials whoever it is told of, evicted or not.
 */
import { fromBase32 } from "../../platform/base32.ts";
import { utf8 } from "../../platform/bytes.ts";
import type { Random } from "../../platform/random.ts";
import {
  compareDistance,
  positionOf,
  type HostSet,
  type Neighbours,
  type Routing,
  type RoutingEntry,
  type RoutingEvent,
} from "../../overlay/cores.ts";
import type { HostTime } from "./host-time.ts";
import type { SimChannel } from "./sim-channel.ts";

/** The call of this DHT's own protocol: empty -> JSON of who is known where. */
export const FIND_CALL = "sim-find";
const ASKED_MAX = 3;
const FIND_TIMEOUT_MS = 1_500;
/** As kad-routing: often after a start, then once a minute. */
const REFRESH_AFTER_MS = [1_500, 4_000, 9_000, 20_000];
const REFRESH_EVERY_MS = 60_000;

interface Placed extends RoutingEntry {
  readonly position: Uint8Array;
}

export interface SimRoutingParts {
  readonly subnetId: string;
  readonly time: HostTime;
  readonly random: Random;
  neighbours(): Neighbours<SimChannel>;
  newest(subnetId: string): HostSet | undefined;
  onEvent(event: RoutingEvent): void;
}

export class SimRouting implements Routing {
  readonly #parts: SimRoutingParts;
  readonly #self: Placed;
  readonly #entries = new Map<string, Placed>();
  /** As lookups brought them. */
  readonly #addresses = new Map<string, readonly string[]>();
  readonly #listeners: ((event: RoutingEvent) => void)[] = [];
  #changes = 0;
  #refreshes = 0;
  #isStopped = false;

  constructor(parts: SimRoutingParts) {
    this.#parts = parts;
    this.#self = place(parts.subnetId);
    this.#refreshSoon();
  }

  get changes(): number {
    return this.#changes;
  }

  entries(): readonly RoutingEntry[] {
    return [...this.#entries.values()];
  }

  closestKnown(key: Uint8Array, count: number): readonly RoutingEntry[] {
    const target = positionOf(key);
    return [this.#self, ...this.#entries.values()]
      .toSorted((a, b) => compareDistance(target, a.position, b.position))
      .slice(0, count);
  }

  /** Whoever is learned of is met, and stands in the table once it has said hello. */
  async closest(key: Uint8Array, count: number): Promise<readonly RoutingEntry[]> {
    const known = this.closestKnown(key, count).filter((one) => one !== this.#self);
    await Promise.all(known.slice(0, ASKED_MAX).map(({ subnetId }) => this.#ask(subnetId)));
    return this.closestKnown(key, count);
  }

  add(subnetId: string): void {
    if (this.#entries.has(subnetId) || subnetId === this.#self.subnetId) return;
    this.#entries.set(subnetId, place(subnetId));
    this.#changes++;
    this.#emit({ type: "added", subnetId });
  }

  demote(subnetId: string): void {
    this.#forget(subnetId);
  }

  async evict(subnetId: string): Promise<void> {
    this.#addresses.delete(subnetId);
    this.#forget(subnetId);
  }

  onEvent(listener: (event: RoutingEvent) => void): void {
    this.#listeners.push(listener);
  }

  stop(): void {
    this.#isStopped = true;
  }

  addressesOf(subnetId: string): readonly string[] {
    return this.#addresses.get(subnetId) ?? [];
  }

  /** What another subnet is told. */
  answer(): Uint8Array {
    const known = this.entries().map(({ subnetId }) => {
      const hosts = this.#parts.newest(subnetId)?.hosts ?? [];
      return [subnetId, hosts.flatMap((host) => host.subnetAddresses)] as const;
    });
    return utf8(JSON.stringify(known));
  }

  async #ask(subnetId: string): Promise<void> {
    const neighbours = this.#parts.neighbours();
    const [channel] = neighbours.channels(subnetId);
    if (channel === undefined) return;
    try {
      const body = await channel.call(FIND_CALL, new Uint8Array(), FIND_TIMEOUT_MS);
      const told = JSON.parse(Buffer.from(body).toString()) as [string, string[]][];
      for (const [id, addresses] of told) this.#learn(id, addresses);
    } catch {
      // another one is asked next time
    }
  }

  #learn(subnetId: string, addresses: readonly string[]): void {
    const isKnown = this.#entries.has(subnetId) || subnetId === this.#self.subnetId;
    if (isKnown || addresses.length === 0) return;
    this.#addresses.set(subnetId, addresses);
    this.#parts
      .neighbours()
      .connect(subnetId)
      .catch(() => {}); // told again, perhaps
  }

  #refreshSoon(): void {
    const { time, random } = this.#parts;
    const nextMs = REFRESH_AFTER_MS[this.#refreshes++] ?? REFRESH_EVERY_MS;
    time.after(nextMs * random.between(0.75, 1.25), () => {
      if (this.#isStopped) return;
      void this.closest(this.#self.subnet, ASKED_MAX);
      this.#refreshSoon();
    });
  }

  #forget(subnetId: string): void {
    if (!this.#entries.delete(subnetId)) return;
    this.#changes++;
    this.#emit({ type: "removed", subnetId });
  }

  #emit(event: RoutingEvent): void {
    this.#parts.onEvent(event);
    for (const listener of this.#listeners) listener(event);
  }
}

function place(subnetId: string): Placed {
  const subnet = fromBase32(subnetId);
  return { subnetId, subnet, position: positionOf(subnet) };
}
