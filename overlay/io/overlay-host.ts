/**
 * A host of the overlay: its link, its membership, and the subnet it is in at the moment.
 *
 * The formation machine decides, this performs: joins a host of the link, redeems a token, makes or
 * resumes a subnet, merges. Everything that hangs on one subnet is a `SubnetSession`.
 */
import type { Libp2p } from "@libp2p/interface";
import { randomBytes } from "node:crypto";
import { networkInterfaces } from "node:os";
import { isEqualBytes } from "../../platform/bytes.ts";
import { errorMessage } from "../../platform/errors.ts";
import { createDriver, type Driver } from "../../platform/io/driver.ts";
import { formatAddress } from "../address.ts";
import { OverlayError } from "../errors.ts";
import { fromBase32, toBase32 } from "../identity/base32.ts";
import { WIRE_VERSION, WIRE_VERSION_MIN } from "../identity/hello.ts";
import { createKeyPair, type KeyPair } from "../identity/keys.ts";
import { hostTagOf, overlayTagOf, subnetTagOf } from "../identity/tags.ts";
import { parseToken, type HeldToken } from "../identity/token.ts";
import { isIpv6LinkLocal, isOnLink, parseAddress } from "../link/address.ts";
import type { LinkPeer } from "../link/types.ts";
import { DurableRecords } from "../records/durable-records.ts";
import { RecordStore } from "../records/record-store.ts";
import {
  AdmitRequestCodec,
  AdmitResponseCodec,
  OverlayInfoCodec,
  SubnetHandoverCodec,
  type AdmitResponse,
  type Hello,
  type Signed,
  type SubnetClaim,
  type SubnetHandover,
} from "../schema/messages.ts";
import { checkClaim, compareClaims, createClaim } from "../subnet/claim.ts";
import {
  FormationMachine,
  type FormationAction,
  type FormationEvent,
  type JoinFailure,
} from "../subnet/formation-machine.ts";
import { checkHostSet, type HostSet } from "../subnet/host-set.ts";
import type { JoinedVia } from "../types.ts";
import { ChannelPool } from "./channel-pool.ts";
import { pickLink } from "./interfaces.ts";
import { openLevelStore, type LevelStore } from "./level-store.ts";
import { openLink, type Link, type LinkNotice } from "./mdns-link.ts";
import { MemberState } from "./member-state.ts";
import { CALL, NOTICE } from "./methods.ts";
import { createHostNode, publicKeyOf } from "./nodes.ts";
import type { OverlayOptions, OverlayParts } from "./options.ts";
import type { PeerChannel } from "./peer-channel.ts";
import { SubnetSession } from "./session.ts";
import { RECORDS_DIRECTORY, StateDirectory, type SubnetState } from "./state.ts";
import { tryStaggered } from "./staggered.ts";

const LISTEN_MS = 500;
const LISTEN_JITTER_MS = 300;
const SIBLING_HEARTBEAT_MS = 1_000;
const SIBLING_SILENCE_MS = 3_000;
const JOIN_TIMEOUT_MS = 4_000;
const PROBE_TIMEOUT_MS = 1_500;
const BOOTSTRAP_TIMEOUT_MS = 4_000;
const BOOTSTRAP_STAGGER_MS = 500;
const CONTACTS_SENT_MAX = 16;
const CONTACTS_KEPT_MAX = 32;
const SAVE_EVERY_MS = 30_000;
const CONFIRM_EVERY_MS = 60_000;

export class OverlayHost {
  readonly members: MemberState;
  readonly hostKey: KeyPair;
  readonly records: DurableRecords;
  readonly parts: OverlayParts;
  readonly options: OverlayOptions;
  hostNode!: Libp2p;
  hostPool!: ChannelPool;
  link!: Link;
  session: SubnetSession | undefined;
  joinedVia: JoinedVia | null = null;
  bootstrapContacts = 0;
  /** Why this host has not joined yet, in words for `explain`. */
  trouble = "";
  /** Difference of a peer's wall clock to ours at its last hello, by host id, ms. */
  readonly clockOffsets = new Map<string, number>();
  readonly #state: StateDirectory;
  readonly #level: LevelStore;
  readonly #token: HeldToken | undefined;
  readonly #machine: FormationMachine;
  #driver!: Driver<FormationEvent>;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #listeners = new Set<() => void>();
  #addresses: readonly string[] = [];
  #switching: Promise<void> = Promise.resolve();
  #isStopped = false;

  /** @throws {OverlayError} when state, port, link or token cannot be had; nothing stays open */
  static async start(options: OverlayOptions, parts: OverlayParts): Promise<OverlayHost> {
    const state = await StateDirectory.open(options.stateDir);
    const token =
      options.token === null ? undefined : parseToken(options.token, parts.clock.wallMs());
    const opened = await openLevelStore({
      directory: `${options.stateDir}/${RECORDS_DIRECTORY}`,
      clock: parts.clock,
    });
    const store = new RecordStore({
      isMine: (publisher) => isEqualBytes(publisher, state.hostKey.publicKey),
      recordsPerKeyMax: options.recordsPerKeyMax,
      storeBytesMax: options.storageMaxBytes,
    });
    store.restore(opened.records, opened.floors, parts.clock.monotonicMs());
    if (opened.damagedCopy !== undefined)
      parts.log.warn("the record store was damaged and has been repaired", {
        damagedCopy: opened.damagedCopy,
        dropped: opened.dropped,
      });
    const host = new OverlayHost(options, parts, state, opened.store, store, token);
    try {
      await host.#open();
    } catch (error) {
      await host.#close();
      throw error;
    }
    return host;
  }

  private constructor(
    options: OverlayOptions,
    parts: OverlayParts,
    state: StateDirectory,
    level: LevelStore,
    store: RecordStore,
    token: HeldToken | undefined,
  ) {
    this.options = options;
    this.parts = parts;
    this.#state = state;
    this.#level = level;
    this.#token = token;
    this.hostKey = state.hostKey;
    this.members = new MemberState(state, options.isOpen, parts.clock, parts.log);
    this.records = new DurableRecords(store, level, (error) => {
      parts.log.warn("expired records stay on disk", { reason: errorMessage(error) });
    });
    const own = state.overlay?.id ?? token?.overlay;
    this.#machine = new FormationMachine({
      overlayTag: own === undefined ? undefined : overlayTagOf(own),
      isMember: state.overlay !== null,
      hasToken: token !== undefined && options.allowsWan,
      canResume: state.subnet !== null,
      listenMs: LISTEN_MS + parts.random.between(0, LISTEN_JITTER_MS),
    });
  }

  get isPending(): boolean {
    return this.#machine.isPending;
  }

  /** @throws {OverlayError} ERR_OVERLAY_NOT_JOINED with the reason */
  joined(): SubnetSession {
    if (this.session !== undefined) return this.session;
    const why = this.trouble === "" ? "still joining; try again in a moment" : this.trouble;
    throw new OverlayError("ERR_OVERLAY_NOT_JOINED", `this host is in no subnet: ${why}`);
  }

  /** Host-node addresses that a token names: this host's first, then its siblings'. */
  contactAddresses(): string[] {
    const own = this.#addresses.map((address) => formatAddress(address, this.#ports.host));
    const others = (this.session?.hosts ?? []).flatMap((host) => host.hostAddresses);
    return [...new Set([...own, ...others])];
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The overlay was locked by a token: siblings learn it at once. */
  announceLock(): void {
    this.session?.siblings.notify(NOTICE.locked, OverlayInfoCodec.encode(this.members.info));
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#driver.stop();
    await this.#switching;
    await this.#save();
    await this.session?.leave();
    await this.#close();
  }

  /** As `stop`, and membership and subnet are forgotten. */
  async resign(): Promise<void> {
    await this.stop();
    await this.#state.resign();
  }

  // ---- start and end

  get #ports(): { readonly subnet: number; readonly host: number } {
    return { subnet: this.options.port, host: this.options.port + 1 };
  }

  async #open(): Promise<void> {
    const { options, parts } = this;
    const hasIpv6 = speaksIpv6();
    const node = { key: this.hostKey, port: this.#ports.host, hasIpv4: true, hasIpv6 };
    this.hostNode = await createHostNode(node);
    this.hostPool = await ChannelPool.start(
      this.hostNode,
      {
        clock: parts.clock,
        log: parts.log,
        hostKey: this.hostKey,
        overlay: () => this.members.overlay?.id,
        introduce: () => this.#introduce(),
        approve: (channel) => this.#approve(channel),
        onCall: (channel, method, body) => this.#onCall(channel, method, body),
        onNotice: (channel, method, body) => this.#onNotice(channel, method, body),
        heartbeatMs: SIBLING_HEARTBEAT_MS,
        silenceMaxMs: SIBLING_SILENCE_MS,
      },
      {
        onOpen: (channel) => this.#onOpen(channel),
        onClose: (channel) => this.session?.onSiblingClose(channel),
      },
    );
    this.#refreshAddresses();
    this.#driver = createDriver(this.#machine, parts.clock, (action) => this.#perform(action));
    this.link = await openLink({
      interface: options.interface,
      random: parts.random,
      clock: parts.clock,
      log: parts.log,
      onEvent: (notice) => this.#onLink(notice),
      onQuestion: (label) => this.#holds(label),
    });
    this.#timers.push(
      setInterval(() => void this.#save(), SAVE_EVERY_MS),
      setInterval(() => this.#confirmSiblings(), CONFIRM_EVERY_MS),
      setInterval(() => this.records.expire(parts.clock.monotonicMs()), 1_000),
    );
    for (const peer of this.link.peers()) this.#onPeer(peer);
    this.#driver.feed({ type: "start" });
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.link?.close();
    await this.hostPool?.close();
    await this.hostNode?.stop();
    await this.#level.close();
  }

  async #save(): Promise<void> {
    const { session } = this;
    if (session === undefined) return;
    const sets = session.book.all().filter((set) => set.hosts.length > 0);
    const own = session.hostSet === undefined ? [] : [session.hostSet];
    try {
      await this.#state.saveContacts(
        [...own, ...sets.slice(-CONTACTS_KEPT_MAX)].map((set) => set.signed),
      );
    } catch (error) {
      this.parts.log.warn("contacts not saved", { reason: errorMessage(error) });
    }
  }

  // ---- the link

  #onLink(notice: LinkNotice): void {
    if (notice.type === "link-changed") {
      this.#refreshAddresses();
      this.session?.restate();
      this.#driver.feed({ type: "link-changed" });
    } else if (notice.type === "peer-gone")
      this.#driver?.feed({ type: "peer-gone", tag: notice.peer.hostTag });
    else this.#onPeer(notice.peer);
  }

  #onPeer(peer: LinkPeer): void {
    const { hostTag, overlayTag, subnetTag } = peer.announcement;
    if (overlayTag === null) return;
    this.#driver.feed({
      type: "peer",
      peer: { tag: hostTag, overlayTag, subnetTag: subnetTag ?? "" },
    });
    // A sibling that the host set does not name yet, or whose channel broke.
    const { session } = this;
    if (session === undefined || subnetTag !== subnetTagOf(fromBase32(session.subnetId))) return;
    const isMet = session.siblings.channels().some((c) => hostTagOf(c.hostId) === hostTag);
    if (!isMet) void this.#dialPeer(hostTag).catch(() => {}); // it will be announced again
  }

  #refreshAddresses(): void {
    const link = pickLink(this.options.interface);
    this.#addresses = (link?.addresses ?? [])
      .map(({ address }) => address)
      .filter((address) => !isIpv6LinkLocal(parseAddress(address) ?? new Uint8Array()));
  }

  #announce(): void {
    const { overlay } = this.members;
    const { session } = this;
    if (overlay === null || session === undefined) return this.link.announce(null);
    this.link.announce({
      hostTag: hostTagOf(this.hostKey.id),
      wireMin: WIRE_VERSION_MIN,
      wireMax: WIRE_VERSION,
      subnetPort: this.#ports.subnet,
      hostPort: this.#ports.host,
      overlayTag: overlayTagOf(overlay.id),
      subnetTag: subnetTagOf(fromBase32(session.subnetId)),
      stampMs: Number(session.claim.stampMs),
      generation: session.claim.generation,
    });
  }

  #confirmSiblings(): void {
    for (const channel of this.session?.siblings.channels() ?? [])
      this.link.confirm(hostTagOf(channel.hostId));
  }

  /** Whether this host has a record whose key has that base32 label. */
  #holds(label: string): boolean {
    try {
      return this.session?.custodian.holds(fromBase32(label)) ?? false;
    } catch {
      return false; // no label of ours
    }
  }

  // ---- what other hosts ask of this one

  #introduce(): Omit<Hello, "nonce"> {
    const { session } = this;
    const { overlay } = this.members;
    if (session !== undefined) return session.introduce();
    return {
      wireMin: WIRE_VERSION_MIN,
      wireMax: WIRE_VERSION,
      host: this.hostKey.publicKey,
      overlay: overlay?.id ?? new Uint8Array(),
      membership: overlay?.membership ?? null,
      subnet: new Uint8Array(),
      hostSet: null,
      wallMs: BigInt(Math.trunc(this.parts.clock.wallMs())),
      claim: null,
      statement: null,
    };
  }

  #approve(channel: PeerChannel): void {
    const key = publicKeyOf(channel.connection.remotePeer);
    if (key === undefined || !isEqualBytes(key, channel.greeting.host))
      throw new OverlayError("ERR_OVERLAY_WRONG_PEER", "it does not hold the host key it claims");
  }

  #onOpen(channel: PeerChannel): void {
    const offsetMs = Number(channel.peerHello.wallMs) - this.parts.clock.wallMs();
    if (channel.isMember) this.clockOffsets.set(channel.hostId, offsetMs);
    if (channel.isMember) this.session?.onSiblingOpen(channel);
  }

  async #onCall(channel: PeerChannel, method: string, body: Uint8Array): Promise<Uint8Array> {
    if (method === CALL.admit) return this.#serveAdmit(channel, body);
    if (method === CALL.adopt) return SubnetHandoverCodec.encode(this.#handover(channel));
    return this.joined().onSiblingCall(channel, method, body);
  }

  #onNotice(channel: PeerChannel, method: string, body: Uint8Array): void {
    if (method !== NOTICE.locked) return this.session?.onSiblingNotice(channel, method, body);
    if (channel.subnetId !== this.session?.subnetId) return;
    if (OverlayInfoCodec.decode(body).locked) void this.members.lock();
  }

  async #serveAdmit(channel: PeerChannel, body: Uint8Array): Promise<Uint8Array> {
    const request = AdmitRequestCodec.decode(body);
    const { session } = this;
    const onLink = this.#isOnLink(channel);
    const membership = await this.members.admit(request, {
      host: channel.greeting.host,
      isOnLink: onLink,
      subnet: session === undefined ? undefined : fromBase32(session.subnetId),
      directory: session?.directory,
    });
    this.parts.log.info("host admitted", { host: channel.hostId, byToken: request.token !== null });
    const wantsSubnet = request.wantsSubnet && onLink && session !== undefined;
    return AdmitResponseCodec.encode({
      membership,
      overlay: this.members.info,
      subnet: wantsSubnet ? this.#handover(channel) : null,
      contacts: this.#contacts(),
    });
  }

  /** @throws {OverlayError} unless the asker is on this link: a subnet's key stays on its link */
  #handover(channel: PeerChannel): SubnetHandover {
    const session = this.joined();
    if (!this.#isOnLink(channel))
      throw new OverlayError(
        "ERR_OVERLAY_REFUSED",
        "the subnet's key goes to hosts of its link only",
      );
    const { subnet } = this.#state;
    if (subnet === null) throw new OverlayError("ERR_OVERLAY_NOT_JOINED", "no subnet to hand over");
    return {
      seed: subnet.seed,
      claim: session.claim,
      hostSet: session.hostSet?.signed ?? null,
      statements: [],
      overlay: this.members.info,
      contacts: this.#contacts(),
    };
  }

  #contacts(): Signed[] {
    const { session } = this;
    if (session === undefined) return [];
    const sets = this.parts.random.shuffle(session.book.all()).slice(0, CONTACTS_SENT_MAX);
    const own = session.hostSet === undefined ? [] : [session.hostSet];
    return [...own, ...sets].map((set) => set.signed);
  }

  #isOnLink(channel: PeerChannel): boolean {
    const address = channel.connection.remoteAddr.toString().split("/")[2] ?? "";
    const link = pickLink(this.options.interface);
    return link !== undefined && isOnLink(address, link);
  }

  // ---- formation: what the machine decided

  #perform(action: FormationAction): void {
    this.parts.log.debug("formation", { ...action });
    switch (action.type) {
      case "join":
        return this.#run(() => this.#join(action.tag));
      case "meet":
        return this.#run(() => this.#meet(action.tag));
      case "probe-stored":
        return this.#run(() => this.#probeStored());
      case "redeem-token":
        return this.#run(() => this.#redeem());
      case "create-overlay":
        return this.#run(async () => {
          await this.members.create(this.options.hostName);
          await this.#createSubnet();
        });
      case "create-subnet":
        return this.#run(() => this.#createSubnet());
      case "resume":
        return this.#run(() => this.#resume());
      case "pending":
        this.parts.log.warn("waiting for admission", { reason: this.trouble });
        return;
    }
  }

  /** Steps that change the subnet go one after the other. */
  #run(step: () => Promise<void>): void {
    this.#switching = this.#switching.then(async () => {
      if (this.#isStopped) return;
      try {
        await step();
      } catch (error) {
        this.trouble = errorMessage(error);
        this.parts.log.error("formation step failed", { reason: errorMessage(error) });
      }
    });
  }

  async #join(tag: string): Promise<void> {
    try {
      await this.#joinVia(tag, "link", false);
    } catch (error) {
      const failure = toJoinFailure(error);
      if (failure !== "unreachable") this.trouble = errorMessage(error);
      this.parts.log.info("host of the link does not take us in", {
        tag,
        reason: errorMessage(error),
      });
      this.#driver.feed({ type: "join-failed", tag, failure });
    }
  }

  /** Takes the subnet over from a host of the link, asking for admission first if need be. */
  async #joinVia(tag: string, via: JoinedVia, yieldsOverlay: boolean): Promise<void> {
    const channel = await this.#dialPeer(tag);
    if (channel.isMember) {
      const body = await channel.call(CALL.adopt, new Uint8Array(), JOIN_TIMEOUT_MS);
      return this.#adopt(SubnetHandoverCodec.decode(body), via);
    }
    const response = await this.#askAdmission(channel, true, yieldsOverlay);
    if (response.subnet === null)
      throw new OverlayError("ERR_OVERLAY_REFUSED", "admitted, but not to its subnet");
    await this.#adopt(response.subnet, via);
  }

  async #askAdmission(
    channel: PeerChannel,
    wantsSubnet: boolean,
    yieldsOverlay: boolean,
  ): Promise<AdmitResponse> {
    const overlay = channel.peerHello.overlay;
    const token =
      this.#token !== undefined && isEqualBytes(this.#token.overlay, overlay)
        ? this.#token
        : undefined;
    const request = AdmitRequestCodec.encode({
      token: token?.signed ?? null,
      tokenSignature: token?.redeemFor(this.hostKey.publicKey) ?? new Uint8Array(),
      wantsSubnet,
      loneMadeMs: yieldsOverlay ? BigInt(this.members.overlay?.madeMs ?? 0) : 0n,
    });
    const response = AdmitResponseCodec.decode(
      await channel.call(CALL.admit, request, JOIN_TIMEOUT_MS),
    );
    if (response.overlay === null || response.membership === null)
      throw new OverlayError("ERR_OVERLAY_REFUSED", "admitted without a membership");
    await this.members.accept(response.overlay, response.membership);
    await this.#state.saveContacts(response.contacts);
    return response;
  }

  async #adopt(handover: SubnetHandover, via: JoinedVia): Promise<void> {
    if (handover.claim === null || handover.seed.length !== 32)
      throw new OverlayError("ERR_OVERLAY_REFUSED", "a hand-over without key or claim");
    const key = createKeyPair(handover.seed);
    checkClaim(handover.claim);
    if (!isEqualBytes(key.publicKey, handover.claim.subnet))
      throw new OverlayError("ERR_OVERLAY_REFUSED", "a hand-over whose key and claim differ");
    if (handover.overlay?.locked === true) await this.members.lock();
    const hostSet = this.#check(handover.hostSet);
    await this.#enter({ key, claim: handover.claim, via, hostSet, contacts: handover.contacts });
  }

  async #createSubnet(): Promise<void> {
    const key = createKeyPair(new Uint8Array(randomBytes(32)));
    const claim = createClaim({
      subnet: key,
      maker: this.hostKey,
      makerAdmittedMs: this.members.admittedAtMs,
      wallMs: Math.trunc(this.parts.clock.wallMs()),
    });
    const { contacts } = this.#state;
    await this.#enter({ key, claim, via: "created", hostSet: undefined, contacts });
  }

  async #resume(): Promise<void> {
    const { subnet, contacts } = this.#state;
    if (subnet === null || !(await this.#isSameLink(subnet))) return this.#createSubnet();
    const key = createKeyPair(subnet.seed);
    const own = contacts
      .map((signed) => this.#check(signed))
      .find((set) => set?.subnetId === key.id);
    const version =
      own === undefined || own.version < subnet.version ? subnet.version : own.version;
    await this.#enter({
      key,
      claim: subnet.claim,
      via: "resumed",
      hostSet: undefined,
      contacts,
      version,
    });
  }

  /** Ends the present session, if any, and begins the next. */
  async #enter(next: {
    readonly key: KeyPair;
    readonly claim: SubnetClaim;
    readonly via: JoinedVia;
    readonly hostSet: HostSet | undefined;
    readonly contacts: readonly Signed[];
    readonly version?: bigint;
  }): Promise<void> {
    const { key, claim, via, hostSet, contacts } = next;
    const overlay = this.members.overlay!;
    const isMerge = this.session !== undefined;
    await this.session?.close();
    this.session = undefined;
    const fingerprint = await this.link.fingerprint();
    const version = next.version ?? hostSet?.version ?? 0n;
    const prefixes = fingerprint?.prefixes ?? [];
    const gatewayMac = fingerprint?.gatewayMac ?? null;
    await this.#state.saveSubnet({ seed: key.seed, claim, version, prefixes, gatewayMac });
    // Hellos of before do not hold for this subnet.
    for (const channel of this.hostPool.channels)
      channel.cut("ERR_OVERLAY_UNREACHABLE", "it changed its subnet");
    const hasIpv6 = speaksIpv6();
    this.session = await SubnetSession.start({
      subnetKey: key,
      claim,
      hostKey: this.hostKey,
      overlay: { id: overlay.id, secret: overlay.secret },
      membership: () => this.members.membership,
      records: this.records,
      hostPool: this.hostPool,
      ports: this.#ports,
      families: { hasIpv4: true, hasIpv6 },
      hostName: this.options.hostName,
      replicas: this.options.replicas,
      allowsWan: this.options.allowsWan,
      clock: this.parts.clock,
      random: this.parts.random,
      log: this.parts.log,
      addresses: () => this.#addresses,
      askLink: (recordKey) => this.link.ask(toBase32(recordKey)),
      version,
      hostSet,
      onHostSet: () => this.#changed(),
      onLiveChanged: () => this.#changed(),
    });
    this.joinedVia = isMerge ? "merged" : via;
    this.trouble = "";
    this.parts.log.info("in a subnet", { subnet: key.id, via: this.joinedVia });
    this.#announce();
    this.#remember(contacts);
    if (isMerge || via === "resumed") void this.session.mover.pushAll();
    const subnetTag = subnetTagOf(key.publicKey);
    const overlayTag = overlayTagOf(overlay.id);
    const type = hostSet === undefined ? "settled" : "joined";
    this.#driver.feed({ type, subnetTag, overlayTag });
    this.#changed();
  }

  #remember(contacts: readonly Signed[]): void {
    for (const signed of contacts) {
      const set = this.#check(signed);
      if (set === undefined || set.subnetId === this.session?.subnetId) continue;
      this.session?.book.consider(set);
      this.session?.neighbours.remember(set);
    }
    this.session?.neighbours.maintain();
  }

  /** Another subnet on our link: whoever's claim yields joins the other's. */
  async #meet(tag: string): Promise<void> {
    const peer = this.link.peers().find((one) => one.hostTag === tag);
    if (peer === undefined || this.session === undefined) return;
    try {
      const channel = await this.#dialPeer(tag);
      const { claim } = channel.peerHello;
      if (channel.isMember) {
        if (claim === null) return;
        checkClaim(claim);
        const isSame = isEqualBytes(claim.subnet, this.session.claim.subnet);
        if (isSame || compareClaims(this.session.claim, claim) < 0) return; // it comes to us
        this.parts.log.info("merging into the subnet of a host of this link", { tag });
        await this.#joinVia(tag, "merged", false);
      } else if (this.members.overlay?.isLone === true) await this.#joinVia(tag, "merged", true);
    } catch (error) {
      this.parts.log.debug("met, and stayed apart", { tag, reason: errorMessage(error) });
      const failure = toJoinFailure(error);
      if (failure !== "unreachable") this.#driver.feed({ type: "join-failed", tag, failure });
    }
  }

  async #probeStored(): Promise<void> {
    const { subnet, contacts } = this.#state;
    const id = subnet === null ? "" : createKeyPair(subnet.seed).id;
    const set = contacts.map((one) => this.#check(one)).find((one) => one?.subnetId === id);
    const addresses = (set?.hosts ?? [])
      .filter((host) => host.id !== this.hostKey.id)
      .flatMap((host) => host.hostAddresses);
    const livesElsewhere = this.options.allowsWan && (await this.#answersFor(id, addresses));
    this.#driver.feed({ type: "probed", livesElsewhere });
  }

  /** Whether any of these hosts acts for that subnet now. */
  async #answersFor(subnetId: string, addresses: readonly string[]): Promise<boolean> {
    const probes = addresses.map(async (address) => {
      const channel = await this.hostPool.dial(address, AbortSignal.timeout(PROBE_TIMEOUT_MS));
      if (channel.subnetId !== subnetId) throw new Error("another subnet");
    });
    return Promise.any(probes).then(
      () => true,
      () => false,
    );
  }

  async #isSameLink(subnet: SubnetState): Promise<boolean> {
    const now = await this.link.fingerprint();
    if (now === null) return true; // no link yet: unknown is not different
    const isPrefixShared = now.prefixes.some((prefix) => subnet.prefixes.includes(prefix));
    const isGatewayOther =
      now.gatewayMac !== null && subnet.gatewayMac !== null && now.gatewayMac !== subnet.gatewayMac;
    return (isPrefixShared || subnet.prefixes.length === 0) && !isGatewayOther;
  }

  /** Redeems the token at one of its contacts; only when the link has no host of the overlay. */
  async #redeem(): Promise<void> {
    const token = this.#token!;
    try {
      const contacts = this.parts.random.shuffle(token.contacts);
      await tryStaggered(
        contacts,
        async (address) => {
          this.bootstrapContacts++;
          const signal = AbortSignal.timeout(BOOTSTRAP_TIMEOUT_MS);
          const channel = await this.hostPool.dial(address, signal);
          await this.#askAdmission(channel, false, false);
        },
        BOOTSTRAP_STAGGER_MS,
        (error) => toJoinFailure(error) !== "unreachable",
      );
      this.#driver.feed({ type: "redeemed" });
    } catch (error) {
      const isFinal = toJoinFailure(error) !== "unreachable";
      this.trouble = isFinal
        ? errorMessage(error)
        : `no contact of the token answers (${errorMessage(error)}); check the network and that ` +
          `${token.contacts.join(" or ")} can be reached`;
      this.parts.log.warn("token not redeemed", { reason: this.trouble });
      this.#driver.feed({ type: "redeem-failed", isFinal });
    }
  }

  async #dialPeer(tag: string): Promise<PeerChannel> {
    const peer = this.link.peers().find((one) => one.hostTag === tag);
    const port = peer?.announcement.hostPort ?? 0;
    const addresses = (peer?.addresses ?? [])
      .filter((address) => !address.includes("%"))
      .map((address) => formatAddress(address, port));
    return tryStaggered(
      addresses,
      (address) => this.hostPool.dial(address, AbortSignal.timeout(PROBE_TIMEOUT_MS)),
      BOOTSTRAP_STAGGER_MS,
    );
  }

  #check(signed: Signed | null): HostSet | undefined {
    const overlay = this.members.overlay;
    if (signed === null || overlay === null) return undefined;
    try {
      return checkHostSet(signed, overlay.id, this.parts.clock.wallMs());
    } catch (error) {
      this.parts.log.warn("host set refused", { reason: errorMessage(error) });
      return undefined;
    }
  }

  #changed(): void {
    const { session } = this;
    const { subnet } = this.#state;
    if (
      session?.hostSet !== undefined &&
      subnet !== null &&
      session.hostSet.version > subnet.version
    )
      this.#state.subnet = { ...subnet, version: session.hostSet.version };
    for (const listener of this.#listeners) listener();
  }
}

/** Whether this machine has IPv6 at all, be it on loopback only. */
function speaksIpv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ family }) => family === "IPv6"),
  );
}

function toJoinFailure(error: unknown): JoinFailure {
  if (!(error instanceof OverlayError)) return "unreachable";
  if (error.code === "ERR_OVERLAY_LOCKED") return "locked";
  const isTransient = [
    "ERR_OVERLAY_UNREACHABLE",
    "ERR_OVERLAY_TIMEOUT",
    "ERR_OVERLAY_NOT_JOINED",
    "ERR_OVERLAY_WRONG_PEER",
  ].includes(error.code);
  return isTransient ? "unreachable" : "refused";
}
