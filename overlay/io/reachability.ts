/**
 * Finds out whether other subnets can dial this host, and finds it out for others.
 *
 * The machine decides whom to ask; this asks, answers, and watches for connections that come in by
 * themselves. What is dialled for another host stands in a statement that it signed, and the subnet
 * key has to answer there. Design, "Reachability".
 */
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import { createDriver, type Driver } from "../../platform/io/driver.ts";
import type { Logger } from "../../platform/logger.ts";
import { ipOfMultiaddrText, parseAddress } from "../address.ts";
import { OverlayError } from "../errors.ts";
import type { Revoked } from "../identity/revoked.ts";
import { DialBackRequestCodec, DialBackResponseCodec, type Signed } from "../schema/messages.ts";
import { checkStatement } from "../subnet/host-set.ts";
import {
  ReachabilityMachine,
  type Reach,
  type ReachabilityAction,
  type ReachabilityEvent,
} from "../subnet/reachability-machine.ts";
import type { ChannelPool } from "./channel-pool.ts";
import { CALL } from "../schema/methods.ts";
import type { MappedPort } from "../mapping/outer-address.ts";
import type { Neighbours } from "../peers/neighbours.ts";
import type { PeerChannel } from "./peer-channel.ts";
import { tryStaggered } from "./staggered.ts";

const ASK_TIMEOUT_MS = 8_000;
const DIAL_TIMEOUT_MS = 3_000;
const STAGGER_MS = 300;
/** A host is dialled back for so often at most. */
const SERVE_EVERY_MS = 2_000;
const SERVED_HOSTS_MAX = 1_024;
/** Subnets that are to try an outer address; one that reaches it is enough. */
const PROVERS_MAX = 3;

export interface ReachabilityParts {
  readonly pool: ChannelPool;
  readonly hostPool: ChannelPool;
  readonly neighbours: Neighbours<PeerChannel>;
  readonly overlayId: Uint8Array;
  revoked(): Revoked;
  /** An address of this link is here another host's than elsewhere. */
  isOnLink(address: string): boolean;
  readonly clock: Clock;
  readonly log: Logger;
  /** A fresh statement of this host. */
  statement(): Signed;
  /** One that names an outer address alone, to be tried and not published. */
  candidate(port: MappedPort, outer: string): Signed;
  /** Whether this host can be dialled is another matter now. */
  onChange(): void;
}

export class Reachability {
  readonly #parts: ReachabilityParts;
  readonly #machine = new ReachabilityMachine();
  readonly #driver: Driver<ReachabilityEvent>;
  /** When each host was last dialled back for. */
  readonly #served = new Map<string, number>();

  constructor(parts: ReachabilityParts) {
    this.#parts = parts;
    this.#driver = createDriver(this.#machine, parts.clock, (action) => this.#perform(action));
  }

  get reach(): Reach {
    return this.#machine.reach;
  }

  onOpen(channel: PeerChannel): void {
    this.onMet(channel);
    this.#driver.feed({ type: "neighbour-up", subnetId: channel.subnetId });
  }

  /** Whoever dials this host from beyond its link has proven that it can be done. */
  onMet({ connection, isRelayed }: PeerChannel): void {
    const ip = ipOfMultiaddrText(connection.remoteAddr.toString());
    const isProof = connection.direction === "inbound" && !isRelayed && !this.#parts.isOnLink(ip);
    if (isProof) this.#driver.feed({ type: "dialled" });
  }

  onClose(channel: PeerChannel): void {
    const { subnetId } = channel;
    if (this.#parts.neighbours.channels(subnetId).length === 0)
      this.#driver.feed({ type: "neighbour-down", subnetId });
  }

  /** Whether another subnet dials this host there; null: none was there to try. */
  async prove(port: MappedPort, outer: string): Promise<boolean | null> {
    const { neighbours, candidate } = this.#parts;
    const body = DialBackRequestCodec.encode({ statement: candidate(port, outer) });
    let isTried = false;
    for (const channel of neighbours.onePerSubnet().slice(0, PROVERS_MAX))
      try {
        const answer = await channel.call(CALL.dialBack, body, ASK_TIMEOUT_MS);
        if (DialBackResponseCodec.decode(answer).isReached) return true;
        isTried = true;
      } catch {
        // it says nothing
      }
    return isTried ? false : null;
  }

  /** Another subnet has dialled this host where its statement says from now on. */
  onProof(): void {
    this.#driver.feed({ type: "answer", subnetId: "", isReached: true });
  }

  /** This host's addresses are others now. */
  onAddressChange(): void {
    this.#driver.feed({ type: "address-changed" });
  }

  stop(): void {
    this.#driver.stop();
  }

  /**
   * Dials the asker where its statement says.
   *
   * @throws {OverlayError} when it asks too often, or for somebody else
   */
  async answer(channel: PeerChannel, body: Uint8Array): Promise<Uint8Array> {
    const { statement } = DialBackRequestCodec.decode(body);
    const { pool, hostPool } = this.#parts;
    const { subnet, host } = this.#check(channel, statement);
    // A statement of host addresses alone is about those.
    const [addresses, from] = subnet.length > 0 ? [subnet, pool] : [host, hostPool];
    const isReached = await tryStaggered(
      addresses,
      (address) => this.#dialBack(channel, address, from),
      STAGGER_MS,
    ).then(
      () => true,
      () => false,
    );
    return DialBackResponseCodec.encode({ isReached });
  }

  #check(channel: PeerChannel, statement: Signed | null): Record<MappedPort, readonly string[]> {
    const { overlayId, clock, revoked, isOnLink } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (nowMs - (this.#served.get(channel.hostId) ?? -Infinity) < SERVE_EVERY_MS)
      throw new OverlayError("ERR_OVERLAY_QUOTA", "dialled back for that host just now");
    this.#served.delete(channel.hostId);
    this.#served.set(channel.hostId, nowMs);
    if (this.#served.size > SERVED_HOSTS_MAX)
      this.#served.delete(this.#served.keys().next().value ?? "");
    if (statement === null)
      throw new OverlayError("ERR_OVERLAY_REFUSED", "a dial-back without a statement");
    const host = checkStatement(statement, overlayId, clock.wallMs(), revoked());
    if (host.id !== channel.hostId)
      throw new OverlayError("ERR_OVERLAY_REFUSED", "a dial-back for another host");
    const isElsewhere = (address: string): boolean => !isOnLink(parseAddress(address).host);
    return {
      subnet: host.subnetAddresses.filter(isElsewhere),
      host: host.subnetAddresses.length > 0 ? [] : host.hostAddresses.filter(isElsewhere),
    };
  }

  /** @throws {OverlayError} unless that very host answers there */
  async #dialBack(asker: PeerChannel, address: string, pool: ChannelPool): Promise<void> {
    const signal = AbortSignal.timeout(DIAL_TIMEOUT_MS);
    const known = new Set(pool.channels);
    const channel = await pool.dial(address, signal);
    const isMeant = channel.hostId === asker.hostId && channel.subnetId === asker.subnetId;
    // One that was open before is kept; the one for the proof has served.
    if (!known.has(channel)) channel.cut("ERR_OVERLAY_UNREACHABLE", "dialled back");
    if (!isMeant) throw new OverlayError("ERR_OVERLAY_WRONG_PEER", `${address} is another host`);
  }

  #perform(action: ReachabilityAction): void {
    if (action.type === "ask") return void this.#ask(action.subnetId);
    this.#parts.log.info("reachability", { reach: action.reach });
    this.#parts.onChange();
  }

  async #ask(subnetId: string): Promise<void> {
    const { neighbours, log, statement } = this.#parts;
    const [channel] = neighbours.channels(subnetId);
    try {
      if (channel === undefined) throw new Error("its channel is closed");
      const body = DialBackRequestCodec.encode({ statement: statement() });
      const answer = await channel.call(CALL.dialBack, body, ASK_TIMEOUT_MS);
      const { isReached } = DialBackResponseCodec.decode(answer);
      log.debug("dialled back", { subnet: subnetId, isReached });
      this.#driver.feed({ type: "answer", subnetId, isReached });
    } catch (error) {
      log.debug("not dialled back", { subnet: subnetId, reason: errorMessage(error) });
      this.#driver.feed({ type: "unanswered", subnetId });
    }
  }
}
