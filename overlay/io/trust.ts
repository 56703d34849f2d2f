/**
 * Who is in and who is out, as it goes on after admission: revocations and what follows from them,
 * another key for the subnet, newcomers that wait, renewal.
 */
import { toBase32 } from "../../platform/base32.ts";
import { errorMessage } from "../../platform/errors.ts";
import { OverlayError } from "../errors.ts";
import { day, hostsOf } from "../identity/certificate.ts";
import type { Revocation, Revoked } from "../identity/revoked.ts";
import type { SignedRevocation } from "../identity/revocation.ts";
import type { LinkPeer } from "../link/types.ts";
import type { DurableRecords } from "../records/durable-records.ts";
import { OverlayInfoCodec, type Signed } from "../schema/messages.ts";
import { checkClaim } from "../subnet/claim.ts";
import { checkHostSet, membershipOf, type HostSet, type SetHost } from "../subnet/host-set.ts";
import type { RevocationResult } from "../types.ts";
import { AdmissionDesk } from "./admission-desk.ts";
import type { ChannelPool } from "./channel-pool.ts";
import type { ChannelTrust } from "./channel-trust.ts";
import type { Formation } from "./formation.ts";
import { removeHost } from "./host-removal.ts";
import { KeyRotation } from "./key-rotation.ts";
import type { LevelStore } from "./level-store.ts";
import type { MemberState } from "./member-state.ts";
import { CALL, NOTICE } from "../schema/methods.ts";
import type { OverlayParts } from "./options.ts";
import type { PeerChannel } from "./peer-channel.ts";
import { Renewal } from "./renewal.ts";
import { RevocationExchange } from "./revocation-exchange.ts";
import type { SubnetSession } from "./session.ts";
import { tryStaggered } from "./staggered.ts";
import type { StateDirectory } from "./state.ts";

const TOKEN_META = "token-use/";
const DIAL_TIMEOUT_MS = 3_000;
const STAGGER_MS = 300;
const RETIRED_MAX = 4096;
const HOSTS_NOTED_MAX = 1024;

export interface TrustParts extends OverlayParts {
  readonly members: MemberState;
  readonly state: StateDirectory;
  readonly level: LevelStore;
  readonly records: DurableRecords;
  session(): SubnetSession | undefined;
  /** Absent before the host node runs. */
  hostPool(): ChannelPool | undefined;
  formation(): Formation;
  peers(): readonly LinkPeer[];
  isOnLink(channel: PeerChannel): boolean;
  /** This host was removed: its part in the overlay ends. */
  onRemoved(): void;
}

export class Trust implements ChannelTrust {
  readonly admission: AdmissionDesk;
  readonly renewal: Renewal;
  readonly #parts: TrustParts;
  readonly #exchange: RevocationExchange;
  readonly #rotation: KeyRotation;
  readonly #retired = new Set<string>();
  /** Hosts by id, gone ones too: one that is lost is to be removed by its name. */
  readonly #noted = new Map<string, SetHost>();
  readonly #listeners = new Set<() => void>();

  constructor(parts: TrustParts) {
    const { members, state, level, records, clock, random, log } = parts;
    const { session, peers } = parts;
    this.#parts = parts;
    const reach = (host: SetHost): Promise<PeerChannel> => this.#reach(host);
    this.#exchange = new RevocationExchange({
      members,
      state,
      log,
      channels: () => this.#channels(),
      onNews: (news) => this.#onNews(news),
    });
    this.#rotation = new KeyRotation({
      members,
      level,
      random,
      log,
      session,
      peers,
      reach,
      change: (next) => parts.formation().change(next),
    });
    this.renewal = new Renewal({
      members,
      clock,
      random,
      log,
      session,
      contacts: () => this.kept([...state.contacts, ...state.departed]),
      reachLink: () => this.#reachLink(),
      reach,
      onRenewed: (wasExpired) => this.#onRenewed(wasExpired),
    });
    this.admission = new AdmissionDesk({
      members,
      clock,
      random,
      log,
      session,
      isOnLink: (channel) => parts.isOnLink(channel),
      channels: () => parts.hostPool()?.channels ?? [],
      formers: () => this.#rotation.formers,
      uses: {
        get: (token) => level.getMeta(TOKEN_META + token),
        put: (token, host) => level.putMeta(TOKEN_META + token, host),
      },
    });
    records.refuses = (publisher) => this.revoked().of(publisher) !== undefined;
    records.dropRefused(clock.monotonicMs());
  }

  /** Why this host is in the overlay no more; empty while it is. */
  get removalText(): string {
    const { members } = this.#parts;
    const { removal } = members;
    if (removal === undefined) return "";
    const isSelf = members.revoked.of(members.hostKey.publicKey) !== undefined;
    const whom = isSelf ? "this host" : "the host that let this one in";
    return `${whom} was removed from the overlay on ${day(BigInt(removal.revokedAtMs))}`;
  }

  /** The overlay was locked: siblings learn it at once. */
  announceLock(): void {
    for (const channel of this.#parts.session()?.siblings.channels() ?? [])
      this.#tellLocked(channel);
  }

  /** After each hosts' coming or going, and each change of subnet. */
  onSession(): void {
    this.noteHosts(this.#parts.session()?.hosts ?? []);
    this.#rotation.note();
    this.#rotation.review();
  }

  /** Told after each revocation that is news. */
  onRevoked(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @throws {OverlayError} that says who cannot be removed, or from where */
  async revoke(text: string, keepsAdmitted: boolean): Promise<RevocationResult> {
    const { members, clock } = this.#parts;
    const session = this.#parts.session();
    const elsewhere = session?.book.all().flatMap(({ hosts }) => hosts) ?? [];
    const hosts = [...this.#noted.values(), ...elsewhere, ...(session?.hosts ?? [])];
    const scene = { members, exchange: this.#exchange, hosts, wallMs: clock.wallMs() };
    const result = await removeHost(scene, text, keepsAdmitted);
    this.announceLock();
    return result;
  }

  stop(): void {
    this.#exchange.stop();
    this.#rotation.stop();
    this.renewal.stop();
  }

  // ---- what channels ask

  revoked(): Revoked {
    return this.#parts.members.revoked;
  }

  digest(): Uint8Array {
    return this.#parts.members.revocations.digest;
  }

  isRetired(subnetId: string): boolean {
    return this.#retired.has(subnetId);
  }

  noteHosts(hosts: readonly SetHost[]): void {
    for (const host of hosts) {
      this.#noted.delete(host.id);
      this.#noted.set(host.id, host);
    }
    while (this.#noted.size > HOSTS_NOTED_MAX)
      this.#noted.delete(this.#noted.keys().next().value ?? "");
  }

  onOpen(channel: PeerChannel): void {
    this.#exchange.onOpen(channel);
    const { former } = channel.greeting;
    if (former !== undefined)
      this.#parts.log.warn("former member refused", { host: channel.hostId, reason: former.why });
    if (!channel.isMember) return;
    this.#noteRetired(channel);
    const session = this.#parts.session();
    if (session === undefined || channel.subnetId !== session.subnetId) return;
    this.admission.introduce(channel);
    // It may have slept when the overlay was locked.
    if (this.#parts.members.overlay?.isLocked === true) this.#tellLocked(channel);
  }

  answer(channel: PeerChannel, method: string, body: Uint8Array): Promise<Uint8Array> | undefined {
    if (method !== CALL.revocations && this.removalText !== "")
      return Promise.reject(new OverlayError("ERR_OVERLAY_NOT_JOINED", this.removalText));
    switch (method) {
      case CALL.admit:
        return this.#admit(channel, body);
      case CALL.adopt:
        return promised(() => this.admission.adopt(channel));
      case CALL.revocations:
        return promised(() => this.#exchange.answerPull(body));
      case CALL.renew:
        return promised(() => this.renewal.answer(channel));
      case CALL.signClaim:
        return promised(() => this.#rotation.signFor(channel, body));
      default:
        return undefined;
    }
  }

  hear(channel: PeerChannel, method: string, body: Uint8Array): boolean {
    const { members, log, session, formation } = this.#parts;
    const isSibling = channel.isMember && channel.subnetId === session()?.subnetId;
    if (method === NOTICE.revoked) {
      if (channel.isMember) this.#exchange.hear(body, channel);
    } else if (method === NOTICE.locked) {
      if (isSibling && OverlayInfoCodec.decode(body).locked)
        members.lock().catch((error: unknown) => {
          log.warn("lock not saved", { reason: errorMessage(error) });
        });
    } else if (method === NOTICE.pending) {
      if (isSibling) this.admission.hearPending(body);
    } else if (method === NOTICE.approved) {
      if (isSibling) this.admission.hearApproval(body);
      else if (session() === undefined) formation().feed({ type: "approved" });
    } else return false;
    return true;
  }

  async #admit(channel: PeerChannel, body: Uint8Array): Promise<Uint8Array> {
    const { members } = this.#parts;
    const before = members.overlay?.isLocked;
    const answer = await this.admission.admit(channel, body);
    if (before !== members.overlay?.isLocked) this.announceLock();
    return answer;
  }

  #tellLocked(channel: PeerChannel): void {
    channel.notify(NOTICE.locked, OverlayInfoCodec.encode(this.#parts.members.info));
  }

  /** A later generation of a subnet speaks: the key before it counts no more. */
  #noteRetired(channel: PeerChannel): void {
    const { claim } = channel.peerHello;
    const { members, log } = this.#parts;
    if (claim === null || claim.predecessor.length === 0 || members.overlay === null) return;
    const former = toBase32(claim.predecessor);
    const session = this.#parts.session();
    if (this.#retired.has(former) || former === session?.subnetId) return;
    try {
      if (toBase32(claim.subnet) !== channel.subnetId) return;
      checkClaim(claim, members.overlay.id, members.revoked);
    } catch (error) {
      log.debug("claim refused", { from: channel.hostId, reason: errorMessage(error) });
      return;
    }
    this.retire(former);
  }

  /** Sets that were kept from before, however long ago, without those of removed hosts. */
  kept(sets: readonly Signed[]): readonly HostSet[] {
    const { members } = this.#parts;
    if (members.overlay === null) return [];
    const { id } = members.overlay;
    return sets.flatMap((signed) => {
      try {
        return [checkHostSet(signed, id, null, members.revoked)];
      } catch {
        return []; // its hosts were removed
      }
    });
  }

  /** From now on nobody speaks under that subnet key to this host's subnet. */
  retire(subnetId: string): void {
    this.#retired.add(subnetId);
    if (this.#retired.size > RETIRED_MAX)
      this.#retired.delete(this.#retired.values().next().value ?? "");
    const neighbours = this.#parts.session()?.neighbours;
    for (const channel of neighbours?.channels(subnetId) ?? [])
      channel.cut("ERR_OVERLAY_REFUSED", "that subnet has another key now");
    void neighbours?.onResigned(subnetId);
  }

  // ---- what follows from a revocation

  #onNews(news: readonly SignedRevocation[]): void {
    const { members, log, records, clock, onRemoved } = this.#parts;
    for (const one of news)
      log.warn("host removed from the overlay", { host: toBase32(one.host), by: byWhom(one) });
    if (members.removal !== undefined) {
      log.error("this host is in the overlay no more", { reason: this.removalText });
      for (const channel of this.#channels()) channel.cut("ERR_OVERLAY_REVOKED", this.removalText);
      return onRemoved();
    }
    this.#cutRemoved();
    records.dropRefused(clock.monotonicMs());
    this.#rotation.review();
    for (const listener of this.#listeners) listener();
    if (members.revoked.isShaken(hostsOf(members.membership))) void this.renewal.check();
  }

  #cutRemoved(): void {
    const revoked = this.revoked();
    const session = this.#parts.session();
    for (const channel of this.#channels()) {
      const { membership } = channel.greeting;
      if (membership === undefined || revoked.refusalOf(membership.hosts) === undefined) continue;
      channel.cut("ERR_OVERLAY_REVOKED", "that host was removed from the overlay");
      session?.siblings.forget(channel.hostId);
    }
    const isOut = (host: SetHost): boolean =>
      revoked.refusalOf(hostsOf(membershipOf(host))) !== undefined;
    for (const subnetId of session?.book.strike(isOut) ?? [])
      void session?.neighbours.onResigned(subnetId);
  }

  #onRenewed(wasExpired: boolean): void {
    const { session, hostPool, formation } = this.#parts;
    session()?.restate();
    if (!wasExpired) return;
    // The others took this host for a stranger: it greets them anew.
    for (const channel of hostPool()?.channels ?? [])
      channel.cut("ERR_OVERLAY_UNREACHABLE", "its membership is renewed");
    formation().feed({ type: "link-changed" });
  }

  // ---- ways to others

  #channels(): readonly PeerChannel[] {
    const host = [...(this.#parts.hostPool()?.channels ?? [])].filter(({ isOpen }) => isOpen);
    return [...host, ...(this.#parts.session()?.neighbours.channels() ?? [])];
  }

  async #reach(host: SetHost): Promise<PeerChannel> {
    const pool = this.#parts.hostPool();
    const open = this.#channels().find(({ isMember, hostId }) => isMember && hostId === host.id);
    if (open !== undefined) return open;
    if (pool === undefined) throw new OverlayError("ERR_OVERLAY_NOT_JOINED", "not started yet");
    return tryStaggered(
      host.hostAddresses,
      async (address) => {
        const channel = await pool.dial(address, AbortSignal.timeout(DIAL_TIMEOUT_MS));
        if (channel.hostId === host.id) return channel;
        throw new OverlayError("ERR_OVERLAY_WRONG_PEER", `${address} is another host by now`);
      },
      STAGGER_MS,
    );
  }

  async #reachLink(): Promise<readonly PeerChannel[]> {
    const { peers, formation } = this.#parts;
    const tags = peers().map(({ announcement }) => announcement.hostTag);
    const dials = await Promise.allSettled(tags.map((tag) => formation().dial(tag)));
    return dials.flatMap((dial) => (dial.status === "fulfilled" ? [dial.value] : []));
  }
}

function byWhom({ issuerHosts, issuer }: Revocation): string {
  return issuerHosts.length === 0 ? "the authority" : toBase32(issuer);
}

async function promised(answer: () => Uint8Array): Promise<Uint8Array> {
  return answer();
}
