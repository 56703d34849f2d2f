/**
 * Other subnets: a warm channel to each in the routing table, calls to any host of one, and the
 * eviction of those that are dead.
 *
 * A call takes a random host among the open channels, else a random host of the set, and the next
 * at once when it fails. mDHT §3.3.2; design, "Host churn is invisible".
 */
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Random } from "../../platform/random.ts";
import type { Timers } from "../../platform/timers.ts";
import { OverlayError, type OverlayErrorCode } from "../errors.ts";
import type { Routing } from "../routing/routing.ts";
import { isClient, type HostSet, type SetHost } from "../subnet/host-set.ts";
import type { SubnetBook } from "../subnet/subnet-book.ts";
import { CallTally } from "./call-tally.ts";
import type { Channel, Channels } from "./channel.ts";
import { parseAddress, toMultiaddrText } from "../address.ts";
import { LostSubnets, type LostHow } from "./lost-subnets.ts";
import { SilenceWatch } from "./silence-watch.ts";
import { tryEach } from "./try-each.ts";

const STAGGER_MS = 300;
const DIAL_TIMEOUT_MS = 3_000;
const QUARANTINE_MS = 20_000;
/** Failures of a subnet's every host before it counts as dead, and the time they span at least. */
const FAILURES_MAX = 3;
const RETRY_MS = 2_500;

export interface CallResult {
  /** Host id that answered. */
  readonly host: string;
  readonly body: Uint8Array;
}

export interface NeighbourParts {
  readonly routing: Routing;
  readonly book: SubnetBook;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Logger;
  /** What libp2p's peer store knows of a subnet that no host set is known of. */
  addressesOf(subnetId: string): Promise<readonly string[]>;
  /** Whether that IP address is one of this host's link. */
  isOnLink(address: string): boolean;
  /** False keeps every packet on the link. */
  readonly allowsDials: boolean;
}

/** Of a subnet without an open channel. */
interface Trouble {
  failures: number;
  nextAtMs: number;
}

export class Neighbours<C extends Channel = Channel> {
  readonly tally: CallTally;
  readonly #pool: Channels<C>;
  readonly #parts: NeighbourParts;
  readonly #quarantine = new Map<string, number>();
  readonly #trouble = new Map<string, Trouble>();
  readonly #lost: LostSubnets;
  readonly #connecting = new Map<string, Promise<C>>();
  readonly #silence: SilenceWatch;

  constructor(pool: Channels<C>, parts: NeighbourParts) {
    this.#pool = pool;
    this.#parts = parts;
    this.tally = new CallTally(parts.clock);
    this.#lost = new LostSubnets(parts.clock, parts.random);
    this.#silence = new SilenceWatch(parts.clock, parts.timers);
  }

  /** Open channels, all or those to one subnet. */
  channels(subnetId?: string): C[] {
    return [...this.#pool.channels].filter(
      (channel) => channel.isOpen && (subnetId === undefined || channel.subnetId === subnetId),
    );
  }

  /** One open channel to each subnet that is reached, to a random host of it. */
  onePerSubnet(): C[] {
    const bySubnet = new Map(
      this.#parts.random.shuffle(this.channels()).map((channel) => [channel.subnetId, channel]),
    );
    return [...bySubnet.values()];
  }

  /** Whether at least one other subnet is reached now. */
  get isReaching(): boolean {
    return this.channels().length > 0;
  }

  /** Whether another subnet is known, reached or not. */
  get knowsOthers(): boolean {
    return this.#lost.isMissingAny || this.#parts.routing.entries().length > 0;
  }

  /** Whether to ask others first: it fell silent, or could not be reached just now. */
  isDoubtful(subnetId: string): boolean {
    return this.#trouble.has(subnetId) || this.#silence.isSilent(subnetId, this.channels(subnetId));
  }

  isQuarantined(multiaddrText: string): boolean {
    const untilMs = this.#quarantine.get(multiaddrText.replace(/\/p2p\/.*$/, ""));
    return untilMs !== undefined && untilMs > this.#parts.clock.monotonicMs();
  }

  /**
   * Asks one host of a subnet, whichever answers.
   *
   * @throws {OverlayError} ERR_OVERLAY_UNREACHABLE when none does; the host's own refusal
   */
  async call(
    subnetId: string,
    method: string,
    body: Uint8Array,
    timeoutMs: number,
  ): Promise<CallResult> {
    const { random, clock } = this.#parts;
    const open = random.shuffle(this.channels(subnetId));
    const candidates: (() => Promise<C>)[] = open.map((channel) => async () => channel);
    candidates.push(() => this.connect(subnetId));
    return tryEach(
      this.#parts.timers,
      candidates,
      async (reach) => {
        const startedMs = clock.monotonicMs();
        let answered = (): void => {};
        try {
          const channel = await reach();
          answered = this.#silence.asked(channel);
          return { host: channel.hostId, body: await channel.call(method, body, timeoutMs) };
        } catch (error) {
          if (isSilence(error)) this.tally.fail(method, startedMs);
          throw error;
        } finally {
          answered();
        }
      },
      STAGGER_MS,
      (error) => !isLost(error),
    );
  }

  /** A channel to any host of the subnet, dialled if need be. */
  connect(subnetId: string): Promise<C> {
    const underWay = this.#connecting.get(subnetId);
    if (underWay !== undefined) return underWay;
    const connecting = this.#connect(subnetId)
      .finally(() => this.#connecting.delete(subnetId))
      .catch(async (error: unknown) => {
        await this.#onUnreached(subnetId, errorMessage(error));
        throw error;
      });
    this.#connecting.set(subnetId, connecting);
    return connecting;
  }

  /** To be told of each channel that opens: the subnet lives. */
  onOpen(channel: C): void {
    const { subnetId } = channel;
    this.#trouble.delete(subnetId);
    this.#lost.met(subnetId);
    this.judge(subnetId);
  }

  /** To be told of news of a subnet: whether it can be dialled decides whether it may be routed to. */
  judge(subnetId: string): void {
    const channels = this.channels(subnetId);
    const { book, routing } = this.#parts;
    const isDialled = channels.some(({ connection }) => connection.direction === "outbound");
    if (!isDialled && isClient(book.get(subnetId)?.hosts ?? [])) routing.demote(subnetId);
    else if (channels.length > 0) routing.add(subnetId);
  }

  /** To be told of each channel that closes; looks after the subnet at once. */
  onClose(channel: C): void {
    const { subnetId } = channel;
    if (this.channels(subnetId).length > 0) return;
    this.#keepInMind(subnetId);
    this.#trouble.set(subnetId, { failures: 0, nextAtMs: -Infinity });
    void this.#look(subnetId);
  }

  /**
   * The subnet's last host has resigned.
   *
   * @param last its last set; absent when it shall not come back
   */
  async onResigned(subnetId: string, last?: HostSet): Promise<void> {
    this.#trouble.delete(subnetId);
    this.#lost.forget(subnetId);
    this.#parts.book.end(subnetId);
    if (last !== undefined) this.#lost.remember(last, "departed");
    this.#lost.postpone(subnetId, !this.isReaching); // it has just gone
    await this.#parts.routing.evict(subnetId);
  }

  /** Remembers a subnet to be contacted, as after a restart. */
  remember(set: HostSet, how: LostHow = "told"): void {
    this.#lost.remember(set, how);
  }

  /** Last sets of subnets that are not reached: of those that should be, or that have departed. */
  lostSets(hasDeparted: boolean): readonly HostSet[] {
    return this.#lost.sets(hasDeparted);
  }

  /** This host's addresses are others: all connections are dead, and made anew at once. */
  renew(): void {
    this.#pool.abandon("this host's address changed");
  }

  /** After a sleep or a change of address: what failed before may work now. */
  retryNow(): void {
    this.#quarantine.clear();
    this.#trouble.clear();
    this.#lost.retryNow();
  }

  /** To be called about once a second. */
  maintain(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    for (const [address, untilMs] of this.#quarantine)
      if (untilMs <= nowMs) this.#quarantine.delete(address);
    for (const { subnetId } of this.#parts.routing.entries())
      if (this.channels(subnetId).length === 0) void this.#look(subnetId);
    const due = this.#lost.review({
      isAny: this.isReaching,
      isReached: (subnetId) => this.channels(subnetId).length > 0,
      newest: (subnetId) => this.#parts.book.get(subnetId),
    });
    for (const subnetId of due) void this.#lookForLost(subnetId);
  }

  /** A subnet whose channel closed before the table had it is looked for all the same. */
  #keepInMind(subnetId: string): void {
    const set = this.#parts.book.get(subnetId);
    const isKnown = this.#lost.setOf(subnetId) !== undefined || this.#isInTable(subnetId);
    if (!isKnown && set !== undefined) this.#lost.remember(set, "lost");
    this.#lost.postpone(subnetId, !this.isReaching);
  }

  async #connect(subnetId: string): Promise<C> {
    if (!this.#parts.allowsDials)
      throw new OverlayError("ERR_OVERLAY_UNREACHABLE", "this daemon was started with --no-wan");
    const addresses = await this.#candidates(subnetId);
    const dial = (address: string): Promise<C> => this.#dial(subnetId, address);
    return tryEach(this.#parts.timers, addresses, dial, STAGGER_MS);
  }

  /** Addresses of the subnet's hosts, hosts in random order, quarantined ones last. */
  async #candidates(subnetId: string): Promise<readonly string[]> {
    const { book, random, isOnLink } = this.#parts;
    const known = book.get(subnetId)?.hosts ?? this.#lost.setOf(subnetId)?.hosts ?? [];
    const hosts = dialable(random.shuffle(known));
    const listed = hosts.flatMap((host) =>
      // Private networks repeat: unproven, an address of this link is most likely this link's.
      host.reach === "reachable"
        ? host.subnetAddresses
        : host.subnetAddresses.filter((address) => !isOnLink(parseAddress(address).host)),
    );
    const all = listed.length > 0 ? listed : await this.#parts.addressesOf(subnetId);
    const isBad = (address: string): number =>
      this.isQuarantined(toMultiaddrText(parseAddress(address))) ? 1 : 0;
    return [...new Set(all)].sort((a, b) => isBad(a) - isBad(b));
  }

  async #dial(subnetId: string, address: string): Promise<C> {
    const { clock, timers } = this.#parts;
    try {
      const channel = await this.#pool.dial(address, timers.signalAfter(DIAL_TIMEOUT_MS));
      if (channel.subnetId === subnetId) return channel;
      throw new OverlayError("ERR_OVERLAY_WRONG_PEER", `${address} is another subnet by now`);
    } catch (error) {
      this.#quarantine.set(
        toMultiaddrText(parseAddress(address)),
        clock.monotonicMs() + QUARANTINE_MS,
      );
      throw error;
    }
  }

  /** No channel to a subnet of the table: reach any host of it. */
  async #look(subnetId: string): Promise<void> {
    const nextAtMs = this.#trouble.get(subnetId)?.nextAtMs ?? -Infinity;
    if (this.#parts.clock.monotonicMs() < nextAtMs || !this.#isInTable(subnetId)) return;
    await this.connect(subnetId).catch(() => {}); // counted where every dial is
  }

  #isInTable(subnetId: string): boolean {
    return this.#parts.routing.entries().some((entry) => entry.subnetId === subnetId);
  }

  /** No host of it was reached, whoever asked for it; what stays so leaves the table. */
  async #onUnreached(subnetId: string, reason: string): Promise<void> {
    const { clock, random, routing, log, book } = this.#parts;
    const nowMs = clock.monotonicMs();
    const trouble = this.#trouble.get(subnetId) ?? { failures: 0, nextAtMs: 0 };
    if (!this.#isInTable(subnetId) || this.channels(subnetId).length > 0) return;
    if (nowMs < trouble.nextAtMs) return; // the same failure, heard of by another
    trouble.failures++;
    trouble.nextAtMs = nowMs + RETRY_MS + random.between(0, RETRY_MS / 2);
    this.#trouble.set(subnetId, trouble);
    if (trouble.failures < FAILURES_MAX) return;
    log.info("subnet is dead", { subnet: subnetId, reason });
    this.#trouble.delete(subnetId);
    this.#silence.forget(subnetId);
    const set = book.get(subnetId);
    if (set !== undefined) this.#lost.remember(set, "lost");
    await routing.evict(subnetId);
  }

  /** A cut that heals: the subnet may answer again. */
  async #lookForLost(subnetId: string): Promise<void> {
    this.#lost.postpone(subnetId, !this.isReaching);
    await this.connect(subnetId).catch(() => this.#lost.missed(subnetId)); // next time, perhaps
  }
}

/** Hosts that other subnets can dial, then those that may be; without either, all. */
function dialable(hosts: readonly SetHost[]): readonly SetHost[] {
  const rank = { reachable: 0, unknown: 1, unreachable: 2 } as const;
  const worth = hosts.filter(({ reach }) => reach !== "unreachable");
  return (worth.length > 0 ? worth : hosts).toSorted((a, b) => rank[a.reach] - rank[b.reach]);
}

/** What one host answers, or fails to, and another may not: busy, leaving or gone. */
const OF_ONE_HOST: ReadonlySet<string> = new Set([
  "ERR_OVERLAY_UNREACHABLE",
  "ERR_OVERLAY_TIMEOUT",
  "ERR_OVERLAY_WRONG_PEER",
  "ERR_OVERLAY_NOT_JOINED",
  "ERR_OVERLAY_QUOTA",
] satisfies OverlayErrorCode[]);

/** No word came back, not even a refusal. */
function isSilence(error: unknown): boolean {
  if (!(error instanceof OverlayError)) return true;
  return error.code === "ERR_OVERLAY_UNREACHABLE" || error.code === "ERR_OVERLAY_TIMEOUT";
}

/** Whether another host of the subnet may do better. */
function isLost(error: unknown): boolean {
  if (!(error instanceof OverlayError)) return true;
  return OF_ONE_HOST.has(error.code);
}
