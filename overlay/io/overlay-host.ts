/**
 * A host of the overlay: its link, its membership, and the subnet it is in at the moment.
 *
 * Everything that hangs on one subnet is a `SubnetSession`; which one comes next, `Formation` finds
 * out.
 */
import type { Libp2p } from "@libp2p/interface";
import { isEqualBytes } from "../../platform/bytes.ts";
import { OverlayError } from "../errors.ts";
import { fromBase32 } from "../../platform/base32.ts";
import type { KeyPair } from "../identity/keys.ts";
import type { HeldToken } from "../identity/token.ts";
import { subnetTagOf } from "../identity/tags.ts";
import type { LinkPeer } from "../link/types.ts";
import type { DurableRecords } from "../records/durable-records.ts";
import type { HostSet } from "../subnet/host-set.ts";
import type { JoinedVia } from "../types.ts";
import { approveHost } from "./approval.ts";
import { ChannelPool } from "./channel-pool.ts";
import { checkPort, findFreePorts } from "./free-ports.ts";
import { Formation, type NextSubnet } from "./formation.ts";
import { HiddenLink } from "./hidden-link.ts";
import { introduce, type Introduced } from "./introduction.ts";
import { linkSecrets } from "./link-secrets.ts";
import type { LevelStore } from "./level-store.ts";
import { isAddressOnLink, nodeReach } from "./link-reach.ts";
import type { LinkEar } from "./link-ear.ts";
import type { LinkNotice } from "./mdns-link.ts";
import { MemberState } from "./member-state.ts";
import { CALL } from "../schema/methods.ts";
import { createHostNode, type NodeReach } from "./nodes.ts";
import type { OpenedState } from "./open-state.ts";
import type { OverlayOptions, OverlayParts } from "./options.ts";
import { Outreach } from "./outreach.ts";
import type { PeerChannel } from "./peer-channel.ts";
import { ownAnnouncement } from "./own-announcement.ts";
import { PeerLimits } from "./peer-limits.ts";
import { RestoredRecords } from "./restored-records.ts";
import { SubnetSession } from "./session.ts";
import type { StateDirectory } from "./state.ts";
import { StateKeeper } from "./state-keeper.ts";
import { Trust } from "./trust.ts";
import { Whereabouts } from "./whereabouts.ts";

const SIBLING_HEARTBEAT_MS = 1_000;
const SIBLING_SILENCE_MS = 3_000;
const SAVE_EVERY_MS = 30_000;
const CONFIRM_EVERY_MS = 60_000;
const EXPIRE_EVERY_MS = 1_000;
const MARK_TIME_EVERY_MS = 60_000;
const AFTER_SIBLINGS_MS = 200;

type Opened = OpenedState & { readonly ear: LinkEar };

export class OverlayHost {
  readonly options: OverlayOptions;
  readonly parts: OverlayParts;
  readonly members: MemberState;
  readonly hostKey: KeyPair;
  readonly records: DurableRecords;
  hostNode!: Libp2p;
  hostPool!: ChannelPool;
  readonly link: HiddenLink;
  outreach!: Outreach;
  formation!: Formation;
  session: SubnetSession | undefined;
  joinedVia: JoinedVia | null = null;
  /** Id of the subnet that goes on as the present one; see `Subnet.follows`. */
  formerSubnet: string | undefined;
  /** A peer's wall clock less ours at its last hello, by host id, ms. */
  readonly clockOffsets = new Map<string, number>();
  readonly #state: StateDirectory;
  readonly #level: LevelStore;
  readonly #token: HeldToken | undefined;
  readonly trust: Trust;
  readonly restored: RestoredRecords;
  readonly limits: PeerLimits;
  readonly #keeper: StateKeeper;
  readonly #where: Whereabouts;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #listeners = new Set<() => void>();
  #port = 0;
  #stopping: Promise<void> | undefined;

  /**
   * @param opened what `openState` gave, and the link, on which questions are already out; both
   *   are this host's to close
   * @throws {OverlayError} ERR_OVERLAY_PORT; nothing stays open
   */
  static async start(
    options: OverlayOptions,
    parts: OverlayParts,
    opened: Opened,
  ): Promise<OverlayHost> {
    const host = new OverlayHost(options, parts, opened);
    try {
      await host.#open(opened.ear);
    } catch (error) {
      await host.#close();
      throw error;
    }
    return host;
  }

  private constructor(options: OverlayOptions, parts: OverlayParts, opened: Opened) {
    const { state, level, records, token } = opened;
    this.options = options;
    this.parts = parts;
    this.limits = new PeerLimits(parts.clock, parts.log);
    this.records = records;
    this.hostKey = state.hostKey;
    this.members = new MemberState(state, options.isOpen, parts.clock, parts.log);
    this.#state = state;
    this.#level = level;
    this.#token = token;
    this.link = new HiddenLink({
      link: opened.ear.link,
      clock: parts.clock,
      store: records.store,
      secrets: () => linkSecrets(state, token, this.session),
      holds: (key) => this.session?.custodian.holds(key) ?? false,
    });
    state.onOverlay = () => this.link.check();
    this.restored = new RestoredRecords({ ...options, ...parts, ...opened, host: this });
    this.#keeper = new StateKeeper(state, () => this.session, parts.log);
    this.#where = new Whereabouts(this, {
      keeper: this.#keeper,
      announce: () => this.#announce(),
      onPeer: (peer) => this.#onPeer(peer),
    });
    this.trust = new Trust({
      ...parts,
      ...opened,
      members: this.members,
      session: () => this.session,
      hostPool: () => this.hostPool,
      formation: () => this.formation,
      peers: () => this.link.peers(),
      isOnLink: (channel) => this.#where.isOnLink(channel),
      onRemoved: () => void this.#end(),
    });
  }

  /** @throws {OverlayError} ERR_OVERLAY_NOT_JOINED with the reason */
  joined(): SubnetSession {
    if (this.session !== undefined) return this.session;
    const { trouble } = this.formation;
    const why = trouble === "" ? "still joining; try again in a moment" : trouble;
    throw new OverlayError("ERR_OVERLAY_NOT_JOINED", `this host is in no subnet: ${why}`);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Hands over, says goodbye, keeps keys and state. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await this.formation.stop();
    await Promise.all([this.session?.leave(), this.outreach.mapper.stop()]);
    await this.#keeper.save();
    await this.#close();
  }

  /** As `stop`, and membership and subnet are forgotten. */
  async resign(): Promise<void> {
    await this.stop();
    await this.#state.resign();
  }

  /** Addresses of this host on the link, no zones. */
  get addresses(): readonly string[] {
    return this.#where.addresses;
  }

  get ports(): { readonly subnet: number; readonly host: number } {
    return { subnet: this.#port, host: this.#port + 1 };
  }

  get #reach(): NodeReach {
    return nodeReach(() => this.link.current(), this.options.allowsWan, this.parts.log);
  }

  async #open(ear: LinkEar): Promise<void> {
    const { options, parts, hostKey, members } = this;
    const { clock, log } = parts;
    this.#port = options.port === 0 ? await findFreePorts() : options.port;
    for (const port of [this.#port, this.#port + 1]) await checkPort(port);
    this.hostNode = await createHostNode(
      { key: hostKey, port: this.ports.host, ...this.#reach },
      { ...options.relay, isMember: (key) => this.hostPool.hasMember(key) },
    );
    this.hostPool = await ChannelPool.start(
      this.hostNode,
      {
        clock,
        log,
        hostKey,
        overlay: () => members.overlay?.id,
        introduce: () => this.#introduce(),
        subnetKey: () => this.session?.key,
        trust: this.trust,
        limits: this.limits,
        approve: (channel) => approveHost(channel),
        onCall: async (channel, method, body) =>
          method === CALL.reverse
            ? this.outreach.answerReverse(channel)
            : this.joined().onSiblingCall(channel, method, body),
        onNotice: (channel, method, body) => this.session?.onSiblingNotice(channel, method, body),
        heartbeatMs: SIBLING_HEARTBEAT_MS,
        silenceMaxMs: SIBLING_SILENCE_MS,
      },
      {
        onOpen: (channel) => this.#onOpen(channel),
        onClose: (channel) => this.session?.onSiblingClose(channel),
      },
    );
    this.outreach = new Outreach(this);
    this.formation = new Formation({
      options,
      parts,
      state: this.#state,
      members,
      pool: this.hostPool,
      token: this.#token,
      peers: () => this.link.peers(),
      link: () => this.link.current(),
      fingerprint: (waitMs) => this.link.fingerprint(waitMs),
      isSure: () => this.#where.isSure(),
      session: () => this.session,
      renew: () => this.trust.renewal.check(),
      enter: (next) => this.#enter(next),
    });
    ear.listen(this.link.listener((notice) => this.#onLink(notice)));
    this.#startTimers();
    this.trust.renewal.start();
    if (this.members.removal === undefined) await this.#where.look();
    else await this.#end();
  }

  #startTimers(): void {
    const { clock } = this.parts;
    this.#timers.push(
      setInterval(() => void this.#keeper.save(), SAVE_EVERY_MS),
      setInterval(() => this.#confirmSiblings(), CONFIRM_EVERY_MS),
      setInterval(() => this.records.expire(clock.monotonicMs()), EXPIRE_EVERY_MS),
      setInterval(() => void this.#level.markTime().catch(() => {}), MARK_TIME_EVERY_MS),
    );
  }

  async #close(): Promise<void> {
    this.#keeper.stop();
    this.#where.stop();
    this.trust.stop();
    this.outreach?.stop();
    this.restored.stop();
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.allSettled([this.link.close(), this.hostPool?.close()]);
    await Promise.allSettled([this.hostNode?.stop()]);
    await this.#level.close(); // whatever befell the others
  }

  // ---- the link

  #onLink(notice: LinkNotice): void {
    if (notice.type === "link-changed") this.#where.hear(notice);
    else if (notice.type === "peer-gone")
      this.formation.feed({ type: "peer-gone", tag: notice.peer.announcement.hostTag });
    else this.#onPeer(notice.peer);
  }

  #onPeer(peer: LinkPeer): void {
    const { hostTag, overlayTag, subnetTag } = peer.announcement;
    if (overlayTag === null) return;
    const freshStampMs = this.#where.freshStampOf(peer);
    const found = { tag: hostTag, overlayTag, subnetTag: subnetTag ?? "", freshStampMs };
    this.formation.feed({ type: "peer", peer: found });
    // A sibling that the host set does not name yet, or whose channel broke.
    const { session } = this;
    if (session === undefined || subnetTag !== subnetTagOf(fromBase32(session.subnetId))) return;
    const met = session.siblings.channels().flatMap(({ hostId }) => this.link.tagsOf(hostId));
    if (!met.includes(hostTag)) void this.formation.dial(hostTag).catch(() => {}); // it will be announced again
  }

  #announce(): void {
    this.link.announce(ownAnnouncement(this));
  }

  #confirmSiblings(): void {
    for (const channel of this.session?.siblings.channels() ?? [])
      this.link.confirmHost(channel.hostId);
  }

  // ---- other hosts, over the host node
  #introduce(): Introduced {
    if (this.session !== undefined) return this.session.introduce();
    const { hostKey, parts, members } = this;
    const { id: overlay, membership = null } = members.overlay ?? {};
    return introduce({ hostKey, clock: parts.clock, overlay, membership, claim: null });
  }

  #onOpen(channel: PeerChannel): void {
    if (!channel.isMember) return;
    const offsetMs = Number(channel.peerHello.wallMs) - this.parts.clock.wallMs();
    this.clockOffsets.set(channel.hostId, offsetMs);
    this.session?.onSiblingOpen(channel);
    this.outreach.onOpen(channel);
  }

  // ---- the subnet
  async #enter(next: NextSubnet): Promise<void> {
    const { key, claim, hostSet, contacts, version } = next;
    const { options, parts, hostKey, members, records, hostPool } = this;
    const former = this.session;
    const merged = former?.key.publicKey;
    // The same subnet under its next key.
    const isNext = merged !== undefined && isEqualBytes(claim.predecessor, merged);
    // The last one to go over to another subnet takes the former one back.
    const isLast = former?.hosts.length === 1;
    await former?.close(isNext || isLast ? "retired" : "done");
    this.session = undefined;
    this.formerSubnet = former?.subnetId;
    const fingerprint = this.link.fingerprint();
    // Hellos of before do not hold for this subnet.
    for (const channel of hostPool.channels)
      channel.cut("ERR_OVERLAY_UNREACHABLE", "it changed its subnet");
    const session = await SubnetSession.start({
      subnetKey: key,
      claim,
      hostKey,
      overlay: members.overlay!,
      membership: () => members.membership,
      records,
      hostPool,
      ports: this.ports,
      reach: this.#reach,
      hostName: options.hostName,
      replicas: options.replicas,
      allowsWan: options.allowsWan,
      trust: this.trust,
      limits: this.limits,
      clock: parts.clock,
      random: parts.random,
      log: parts.log,
      addresses: () => this.addresses,
      onLink: (hostId) => this.#where.addressesOf(hostId),
      isOnLink: (address) => isAddressOnLink(address, this.link.current()),
      relays: () => this.outreach.relays.list(),
      mapped: () => this.outreach.mapper.proven,
      askLink: (recordKey, hosts) => this.link.askHosts(recordKey, hosts),
      version,
      hostSet,
      onChange: () => this.#onSessionChange(),
    });
    // Before anybody asks to be let in; what cannot be written now, the next save tells.
    await members.settleHome(key.publicKey, merged).catch(() => {});
    this.session = session;
    // Who dialled in between heard of no subnet, and is to hear a hello with one.
    for (const channel of hostPool.channels)
      channel.cut("ERR_OVERLAY_UNREACHABLE", "it has a subnet now");
    if (!isNext) this.joinedVia = merged ? "merged" : next.via;
    parts.log.info("in a subnet", { subnet: key.id, via: this.joinedVia });
    this.#announce();
    const isOther = ({ subnetId }: HostSet): boolean => subnetId !== session.subnetId;
    for (const set of this.trust.kept(this.#state.departed).filter(isOther))
      session.neighbours.remember(set, "departed");
    for (const set of contacts.filter(isOther)) {
      session.book.consider(set, parts.clock.monotonicMs());
      session.neighbours.remember(set);
    }
    // Siblings first where there are any: they wait for this host, the others do not.
    this.trust.onSession();
    session.maintainSoon(hostSet === undefined ? 0 : AFTER_SIBLINGS_MS);
    session.mover.pushSoon(merged || this.joinedVia === "resumed" ? "all" : "owned");
    const home = this.#where.settle(session, next, await fingerprint);
    await this.#keeper.saveSubnet({ seed: key.seed, claim, version, lastSet: null, ...home });
  }

  /** This host was removed from the overlay: it says no more, and waits for its administrator. */
  async #end(): Promise<void> {
    await this.formation.stop();
    this.formation.trouble = this.trust.removalText;
    await this.session?.close();
    this.session = undefined;
    this.#announce();
    this.#onSessionChange();
  }

  #onSessionChange(): void {
    this.trust.onSession();
    this.#keeper.saveSoon();
    for (const listener of this.#listeners) listener();
  }
}
