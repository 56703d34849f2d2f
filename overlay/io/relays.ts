/**
 * Relays for a host that cannot be dialled: reserved at hosts of other subnets that can.
 *
 * Near ones are chosen, and of different subnets where there are several; one that dies is replaced
 * within seconds. What goes through a relay is encrypted between its ends. Circuit relay v2 of
 * libp2p; design, "Reachability".
 */
import type { Libp2p } from "@libp2p/interface";
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import { fromMultiaddrText, parseAddress } from "../address.ts";
import { OverlayError } from "../errors.ts";
import { AvoidedHosts } from "../subnet/avoided-hosts.ts";
import { isServing, type HostSet, type RelayAt, type SetHost } from "../subnet/host-set.ts";
import type { Reach } from "../subnet/reachability-machine.ts";
import type { ChannelPool } from "./channel-pool.ts";
import { isListeningThrough, listenThrough } from "./nodes.ts";
import type { PeerChannel } from "./peer-channel.ts";
import { tryStaggered } from "./staggered.ts";

export const RELAYS_WANTED = 2;
const DIAL_TIMEOUT_MS = 3_000;
const STAGGER_MS = 300;
/** A host that refused to relay, or could not be reached, is left alone for so long. */
const AVOID_MS = 30_000;
/** One that did not answer a host without any relay is tried again sooner: nobody else reaches that host. */
const LONE_AVOID_MS = 2_000;
/** Round trips within so much of the best count as equally near. */
const NEAR_MS = 20;
const TRIED_MAX = 6;

export interface RelayParts {
  readonly node: Libp2p;
  readonly pool: ChannelPool;
  readonly clock: Clock;
  readonly log: Logger;
  /** Relays are reserved once no other subnet can dial this host, and kept until one can. */
  reach(): Reach;
  /** Other subnets. */
  sets(): readonly HostSet[];
  /** Whether that IP address is one of this host's link. */
  isOnLink(address: string): boolean;
  /** Relays came or went. */
  onChange(): void;
}

interface Candidate {
  readonly host: SetHost;
  readonly subnetId: string;
  readonly tookMs: number;
  readonly address: string;
}

export class Relays {
  readonly #parts: RelayParts;
  readonly #held = new Map<string, RelayAt & { readonly subnetId: string }>();
  readonly #avoided = new AvoidedHosts();
  #isBusy = false;

  constructor(parts: RelayParts) {
    this.#parts = parts;
  }

  /** For the host's statement. */
  list(): readonly RelayAt[] {
    return [...this.#held.values()].map(({ host, address }) => ({ host, address }));
  }

  /** To be called about once a second: lets go of what is gone, reserves what is missing. */
  async tick(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      const isChanged = this.#prune();
      const isFilled = this.#parts.reach() === "unreachable" && (await this.#fill());
      if (isChanged || isFilled) this.#parts.onChange();
    } finally {
      this.#isBusy = false;
    }
  }

  /** Drops relays whose connection is gone, all when none is needed; true when some went. */
  #prune(): boolean {
    const { pool, node, reach, log } = this.#parts;
    const open = new Set([...pool.channels].map(({ hostId }) => hostId));
    const before = this.#held.size;
    for (const [hostId, { host }] of this.#held)
      // A connection that broke and is back has lost its reservation.
      if (reach() === "reachable" || !open.has(hostId) || !isListeningThrough(node, host)) {
        this.#held.delete(hostId);
        log.info("relay given up", { relay: hostId });
      }
    return this.#held.size < before;
  }

  async #fill(): Promise<boolean> {
    if (this.#held.size >= RELAYS_WANTED) return false;
    const before = this.#held.size;
    for (const candidate of await this.#candidates()) {
      if (this.#held.size >= RELAYS_WANTED) break;
      await this.#reserve(candidate);
    }
    return this.#held.size > before;
  }

  /** Reachable hosts, those of subnets without a relay of ours first, then by distance. */
  async #candidates(): Promise<readonly Candidate[]> {
    const { clock, sets } = this.#parts;
    this.#avoided.expire(clock.monotonicMs());
    const used = new Set([...this.#held.values()].map(({ subnetId }) => subnetId));
    const able = sets()
      .filter((set) => isServing(set.hosts))
      .flatMap((set) => set.hosts.map((host) => ({ host, subnetId: set.subnetId })))
      .filter(({ host }) => host.reach !== "unreachable" && !this.#held.has(host.id))
      .filter(({ host }) => !this.#avoided.has(host.id))
      .toSorted((a, b) => Number(used.has(a.subnetId)) - Number(used.has(b.subnetId)))
      .slice(0, TRIED_MAX);
    const met = await Promise.all(able.map(async (one) => this.#meet(one)));
    const found = met.filter((one) => one !== undefined);
    return rankRelays(found, used);
  }

  /** Opens a channel, and takes its time. */
  async #meet(one: Pick<Candidate, "host" | "subnetId">): Promise<Candidate | undefined> {
    const { clock, log } = this.#parts;
    try {
      const { channel, address } = await this.#reach(one.host);
      const startedMs = clock.monotonicMs();
      if (!(await channel.probe(DIAL_TIMEOUT_MS))) throw new Error("it does not answer");
      return { ...one, address, tookMs: clock.monotonicMs() - startedMs };
    } catch (error) {
      const avoidMs = this.#held.size === 0 ? LONE_AVOID_MS : AVOID_MS;
      this.#avoided.add(one.host.id, clock.monotonicMs() + avoidMs);
      log.debug("no relay", { host: one.host.id, reason: errorMessage(error) });
      return undefined;
    }
  }

  /** Private networks repeat, so an address of this link is not that host's. */
  async #reach(host: SetHost): Promise<{ channel: PeerChannel; address: string }> {
    const { pool, isOnLink } = this.#parts;
    for (const channel of pool.channels) {
      const { direction, remoteAddr } = channel.connection;
      const address = fromMultiaddrText(remoteAddr.toString());
      const isOwn = channel.hostId === host.id && direction === "outbound" && !channel.isRelayed;
      if (isOwn && address !== undefined) return { channel, address };
    }
    const addresses = host.hostAddresses.filter((one) => !isOnLink(parseAddress(one).host));
    return tryStaggered(
      addresses,
      async (address) => {
        const channel = await pool.dial(address, AbortSignal.timeout(DIAL_TIMEOUT_MS));
        if (channel.hostId === host.id) return { channel, address };
        throw new OverlayError("ERR_OVERLAY_WRONG_PEER", "another host answers there");
      },
      STAGGER_MS,
    );
  }

  async #reserve({ host, subnetId, address }: Candidate): Promise<void> {
    const { node, clock, log } = this.#parts;
    try {
      await listenThrough(node, host.key, address);
      this.#held.set(host.id, { host: host.key, address, subnetId });
      log.info("relay reserved", { relay: host.id, subnet: subnetId });
    } catch (error) {
      this.#avoided.add(host.id, clock.monotonicMs() + AVOID_MS);
      log.info("relay refused", { relay: host.id, reason: errorMessage(error) });
    }
  }
}

/** Near ones first, those of subnets not used yet before others as near. */
export function rankRelays<One extends Pick<Candidate, "subnetId" | "tookMs">>(
  found: readonly One[],
  used: ReadonlySet<string>,
): readonly One[] {
  const left = found.toSorted((a, b) => a.tookMs - b.tookMs);
  const taken = new Set(used);
  const ranked: One[] = [];
  while (left.length > 0) {
    const reachMs = left[0]!.tookMs + NEAR_MS;
    const isFresh = (one: One): boolean => one.tookMs <= reachMs && !taken.has(one.subnetId);
    const [next] = left.splice(Math.max(0, left.findIndex(isFresh)), 1);
    taken.add(next!.subnetId);
    ranked.push(next!);
  }
  return ranked;
}
