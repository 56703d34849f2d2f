/**
 * What this host answers to newcomers: admission, and the subnet's key for hosts of its link; and
 * whom it remembers as waiting at a locked link.
 */
import { fromBase32, toBase32 } from "../../platform/base32.ts";
import { isEqualBytes } from "../../platform/bytes.ts";
import { errorMessage } from "../../platform/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Random } from "../../platform/random.ts";
import { OverlayError } from "../errors.ts";
import { checkMembership } from "../identity/certificate.ts";
import { findHost } from "../identity/find-host.ts";
import { PendingHosts, type PendingHost } from "../identity/pending-hosts.ts";
import {
  AdmitRequestCodec,
  AdmitResponseCodec,
  ApprovalCodec,
  PendingHostCodec,
  SubnetHandoverCodec,
  type AdmitRequest,
  type Membership,
  type Signed,
  type SubnetHandover,
} from "../schema/messages.ts";
import { fittingSets } from "../subnet/host-set.ts";
import type { MemberState } from "./member-state.ts";
import { admitWaiting, renewForLink } from "./membership-upkeep.ts";
import { NOTICE } from "../schema/methods.ts";
import type { PeerChannel } from "./peer-channel.ts";
import type { SubnetSession } from "./session.ts";
import type { TokenUses } from "./token-ledger.ts";

const CONTACTS_SENT_MAX = 16;
const CONTACTS_BYTES_MAX = 96 * 1024;
const NAME_CHARACTERS_MAX = 64;

export interface AdmissionParts {
  readonly members: MemberState;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  session(): SubnetSession | undefined;
  isOnLink(channel: PeerChannel): boolean;
  /** Open channels of the host node, to newcomers too. */
  channels(): Iterable<PeerChannel>;
  /** Keys that the present subnet had before. */
  formers(): readonly Uint8Array[];
  readonly uses: TokenUses;
}

export class AdmissionDesk {
  readonly #parts: AdmissionParts;
  readonly #pending = new PendingHosts();

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** @throws {OverlayError} that tells the newcomer's administrator what to do */
  async admit(channel: PeerChannel, body: Uint8Array): Promise<Uint8Array> {
    const { members, log } = this.#parts;
    const request = AdmitRequestCodec.decode(body);
    const session = this.#parts.session();
    const isOnLink = this.#parts.isOnLink(channel);
    const membership = await this.#judge(channel, request, isOnLink);
    this.#pending.forget(channel.hostId);
    log.info("host admitted", { host: channel.hostId, byToken: request.token !== null });
    const wantsSubnet = request.wantsSubnet && isOnLink && session !== undefined;
    return AdmitResponseCodec.encode({
      membership,
      overlay: members.info,
      subnet: wantsSubnet ? this.#handover(channel) : null,
      contacts: this.#contacts(),
    });
  }

  /** @throws {OverlayError} unless a member on this link asks */
  adopt(channel: PeerChannel): Uint8Array {
    return SubnetHandoverCodec.encode(this.#handover(channel));
  }

  // ---- newcomers that wait

  /** The longest waiting first. */
  pending(): readonly PendingHost[] {
    return this.#pending.list(this.#parts.clock.monotonicMs());
  }

  /**
   * Lets one of those in that wait here or at a sibling.
   *
   * @param text its id, the beginning of that, or its name
   * @throws {OverlayError} ERR_OVERLAY_REFUSED when nobody waits by that name, or several do
   */
  async approve(text: string, mayAdmit: boolean): Promise<PendingHost> {
    const { members, clock, log } = this.#parts;
    const waiting = this.pending();
    const found = findHost(text, waiting, "waiting");
    if (found === undefined) {
      const names = waiting.map(({ id, name }) => `${id.slice(0, 8)} (${name})`).join(", ");
      throw new OverlayError(
        "ERR_OVERLAY_REFUSED",
        `no host "${text.slice(0, 64)}" waits on this link; waiting: ${names || "none"}; a host ` +
          'elsewhere needs a token of "causeway token"',
      );
    }
    const membership = await admitWaiting(members, found.key, mayAdmit);
    this.#pending.approve(found.id, membership, clock.monotonicMs());
    log.info("waiting host let in", { host: found.id, name: found.name });
    const approval = ApprovalCodec.encode({ host: found.key, membership });
    for (const sibling of this.#siblings()) sibling.notify(NOTICE.approved, approval);
    this.#call(found.id);
    return found;
  }

  /** A sibling's word that somebody waits with it. */
  hearPending(body: Uint8Array): void {
    const { host, name, address, waitingMs } = PendingHostCodec.decode(body);
    const nowMs = this.#parts.clock.monotonicMs();
    this.#pending.note({ id: toBase32(host), key: host, name, address }, nowMs, waitingMs);
  }

  /** A sibling let somebody in, who may come to this host for it. */
  hearApproval(body: Uint8Array): void {
    const { members, clock, log } = this.#parts;
    const { host, membership } = ApprovalCodec.decode(body);
    if (membership === null || members.overlay === null) return;
    try {
      const { id } = members.overlay;
      const checked = checkMembership(membership, id, clock.wallMs(), members.revoked);
      if (!isEqualBytes(checked.host, host) || checked.linkSubnet !== null) return;
      this.#pending.approve(toBase32(host), membership, clock.monotonicMs());
      this.#call(toBase32(host));
    } catch (error) {
      log.warn("approval refused", { reason: errorMessage(error) });
    }
  }

  /** A sibling came: it learns who waits. */
  introduce(sibling: PeerChannel): void {
    for (const host of this.pending()) sibling.notify(NOTICE.pending, this.#notice(host));
  }

  async #judge(
    channel: PeerChannel,
    request: AdmitRequest,
    isOnLink: boolean,
  ): Promise<Membership> {
    const { members, clock } = this.#parts;
    const session = this.#parts.session();
    const { host } = channel.greeting;
    members.checkNotRemoved(host);
    const approved = this.#pending.approvalOf(channel.hostId, clock.monotonicMs());
    if (approved !== undefined && isOnLink) return approved;
    try {
      return await members.admit(request, {
        host,
        isOnLink,
        subnet: session === undefined ? undefined : fromBase32(session.subnetId),
        directory: session?.directory,
        uses: this.#parts.uses,
      });
    } catch (error) {
      const isLocked = error instanceof OverlayError && error.code === "ERR_OVERLAY_LOCKED";
      if (!isLocked || !isOnLink || request.token !== null) throw error;
      this.#letWait(channel, request.name);
      throw new OverlayError("ERR_OVERLAY_LOCKED", this.#advise(channel.hostId), { cause: error });
    }
  }

  #letWait(channel: PeerChannel, name: string): void {
    const { clock, log } = this.#parts;
    const { hostId, greeting } = channel;
    const address = channel.connection.remoteAddr.toString().split("/")[2] ?? "";
    const shown = name.slice(0, NAME_CHARACTERS_MAX);
    const isNew = !this.pending().some(({ id }) => id === hostId);
    const host = { id: hostId, key: greeting.host, name: shown, address };
    if (!this.#pending.note(host, clock.monotonicMs()) || !isNew) return;
    log.info("a host waits for admission", { host: hostId, name: shown, address });
    const notice = this.#notice({ ...host, sinceMs: clock.monotonicMs() });
    for (const sibling of this.#siblings()) sibling.notify(NOTICE.pending, notice);
  }

  #advise(hostId: string): string {
    const hosts = this.#parts.session()?.hosts ?? [];
    const able = hosts.filter(({ mayAdmit }) => mayAdmit).map(({ name }) => name);
    const { name } = this.#parts.members.info;
    const token = 'start it with --join @FILE and a token that "causeway token" makes on a member';
    if (able.length === 0) return `the overlay "${name}" is locked here; ${token}`;
    return (
      `the overlay "${name}" is locked here; to let this host in, run ` +
      `"causeway admit ${hostId.slice(0, 8)}" on ${able.join(" or ")}, or ${token}`
    );
  }

  /** Tells a newcomer that is connected to ask again. */
  #call(hostId: string): void {
    for (const channel of this.#parts.channels()) {
      if (!channel.isOpen || channel.hostId !== hostId) continue;
      const body = ApprovalCodec.encode({ host: channel.greeting.host, membership: null });
      channel.notify(NOTICE.approved, body);
    }
  }

  #notice({ key, name, address, sinceMs }: PendingHost): Uint8Array {
    const waitingMs = Math.trunc(this.#parts.clock.monotonicMs() - sinceMs);
    return PendingHostCodec.encode({ host: key, name, address, waitingMs });
  }

  #siblings(): readonly PeerChannel[] {
    return this.#parts.session()?.siblings.channels() ?? [];
  }

  // ---- the subnet's key

  #handover(channel: PeerChannel): SubnetHandover {
    const { members, isOnLink, formers } = this.#parts;
    const session = this.#parts.session();
    if (session === undefined)
      throw new OverlayError("ERR_OVERLAY_NOT_JOINED", "this host has no subnet to hand over");
    if (!isOnLink(channel))
      throw new OverlayError(
        "ERR_OVERLAY_REFUSED",
        "a subnet's key goes to hosts of its link only",
      );
    return {
      seed: session.key.seed,
      claim: session.claim,
      hostSet: session.hostSet?.signed ?? null,
      overlay: members.info,
      contacts: this.#contacts(),
      membership: renewForLink(members, channel.greeting, session.key.publicKey, formers()),
    };
  }

  /** Host sets to reach the overlay through: this subnet's and some that it knows. */
  #contacts(): Signed[] {
    const session = this.#parts.session();
    if (session === undefined) return [];
    const others = session.book.all().filter((set) => set.hosts.length > 0);
    const sets = this.#parts.random.shuffle(others).slice(0, CONTACTS_SENT_MAX);
    const own = session.hostSet === undefined ? [] : [session.hostSet];
    return fittingSets([...own, ...sets], CONTACTS_BYTES_MAX);
  }
}
