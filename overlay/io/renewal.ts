/**
 * Keeps this host's membership from ending: asks an admitting host for a newer one in good time,
 * and at once when it has ended while the host was off.
 */
import { errorMessage } from "../../platform/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Random } from "../../platform/random.ts";
import { OverlayError } from "../errors.ts";
import { isRenewalDue, orderRenewers } from "../identity/renewal-rules.ts";
import { RenewalCodec } from "../schema/messages.ts";
import { membershipOf, type HostSet, type SetHost } from "../subnet/host-set.ts";
import type { MemberState } from "./member-state.ts";
import { acceptRenewal, renewByOwnAuthority, renewMember } from "./membership-upkeep.ts";
import { CALL } from "../schema/methods.ts";
import type { PeerChannel } from "./peer-channel.ts";
import type { SubnetSession } from "./session.ts";

const CHECK_EVERY_MS = 30_000;
const RETRY_MS = 2_000;
const RETRY_MAX_MS = 10 * 60_000;
const ASKED_MAX = 8;

export interface RenewalParts {
  readonly members: MemberState;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  session(): SubnetSession | undefined;
  /** Host sets kept from before, their certificates perhaps ended. */
  contacts(): readonly HostSet[];
  /** Channels to hosts of the link, for a host that is in no subnet. */
  reachLink(): Promise<readonly PeerChannel[]>;
  reach(host: SetHost): Promise<PeerChannel>;
  /** There is a newer membership; `wasExpired`: the peers knew this host as none of theirs. */
  onRenewed(wasExpired: boolean): void;
}

export class Renewal {
  /** Why the last attempt failed; empty when it did not, or none was due. */
  failure = "";
  readonly #parts: RenewalParts;
  readonly #chance: number;
  #timer: NodeJS.Timeout | undefined;
  #retryMs = RETRY_MS;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(parts: RenewalParts) {
    this.#parts = parts;
    this.#chance = parts.random.between(0, 1);
  }

  /** Checks at once, and from then on from time to time. */
  start(): void {
    void this.check();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Renews if that is due; resolves when it is done or has failed. */
  check(): Promise<void> {
    this.#running ??= this.#check().finally(() => (this.#running = undefined));
    return this.#running;
  }

  /** This host's answer to a member, or to one whose membership has expired. */
  answer(channel: PeerChannel): Uint8Array {
    const { membership, former } = channel.greeting;
    const held = membership ?? (former?.why === "expired" ? former.membership : undefined);
    if (held === undefined)
      throw new OverlayError("ERR_OVERLAY_REFUSED", "there is no membership to renew");
    const renewed = renewMember(this.#parts.members, held);
    this.#parts.log.info("membership renewed for a host", { host: channel.hostId });
    return RenewalCodec.encode({ membership: renewed });
  }

  /** Over that very channel. @throws {OverlayError} the peer's refusal, or what is wrong with it */
  async over(channel: PeerChannel): Promise<void> {
    const { members, log, onRenewed } = this.#parts;
    const wasExpired = members.isExpired;
    const { membership } = RenewalCodec.decode(await channel.call(CALL.renew, new Uint8Array()));
    if (membership === null) throw new OverlayError("ERR_OVERLAY_REFUSED", "an empty renewal");
    await acceptRenewal(members, membership);
    if (this.#isDue) throw new OverlayError("ERR_OVERLAY_REFUSED", "what it gave ends as soon");
    this.failure = "";
    log.info("membership renewed", { by: channel.hostId });
    onRenewed(wasExpired);
  }

  get #isDue(): boolean {
    const { members, clock } = this.#parts;
    if (members.overlay === null || members.removal !== undefined) return false;
    return isRenewalDue(members.membership, members.revoked, clock.wallMs(), this.#chance);
  }

  async #check(): Promise<void> {
    clearTimeout(this.#timer);
    const isDue = this.#isDue;
    if (isDue) await this.#renew();
    if (!isDue || this.failure === "") {
      this.failure = "";
      this.#retryMs = RETRY_MS;
    } else this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 2);
    if (this.#isStopped) return;
    const delayMs = this.failure === "" ? CHECK_EVERY_MS : this.#retryMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.check(), delayMs);
  }

  async #renew(): Promise<void> {
    const { members, log, onRenewed } = this.#parts;
    try {
      const wasExpired = members.isExpired;
      if (await renewByOwnAuthority(members)) {
        log.info("membership renewed", { by: "the authority's key" });
        this.failure = "";
        return onRenewed(wasExpired);
      }
      await this.#askAll();
    } catch (error) {
      this.failure = errorMessage(error);
      log.warn("membership not renewed; tried again", { reason: this.failure });
    }
  }

  async #askAll(): Promise<void> {
    let why = "no host that may admit is known";
    for (const reach of await this.#ways()) {
      if (this.#isStopped) return;
      try {
        return await this.over(await reach());
      } catch (error) {
        why = errorMessage(error);
      }
    }
    throw new OverlayError("ERR_OVERLAY_UNREACHABLE", why);
  }

  /** Whom to ask, best first. */
  async #ways(): Promise<readonly (() => Promise<PeerChannel>)[]> {
    const { session, contacts, members, reach, reachLink } = this.#parts;
    const own = session()?.hosts ?? [];
    const others = [...(session()?.book.all() ?? []), ...contacts()].flatMap(({ hosts }) => hosts);
    const candidates = new Map(
      [...others, ...own]
        .filter((host) => host.mayAdmit && host.id !== members.hostKey.id)
        .map((host) => [host.id, host]),
    );
    const siblings = new Set(own.map(({ id }) => id));
    const ordered = orderRenewers(
      [...candidates.values()].map((host) => ({
        id: host.id,
        host,
        isSibling: siblings.has(host.id),
        depth: membershipOf(host).chain.length,
      })),
    );
    const ways = ordered.slice(0, ASKED_MAX).map(
      ({ host }) =>
        () =>
          reach(host),
    );
    const onLink = session() === undefined || ways.length === 0 ? await reachLink() : [];
    return [...ways, ...onLink.map((channel) => async () => channel)];
  }
}
