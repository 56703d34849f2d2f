/**
 * One subnet as long as this host is in it: the subnet node, the DHT, the siblings, the records'
 * ways. Another subnet (a merge, a move) is another session.
 */
import { PeerRecord, RecordEnvelope } from "@libp2p/peer-record";
import { privateKeyFromRaw } from "@libp2p/crypto/keys";
import { concatBytes, isEqualBytes } from "../../platform/bytes.ts";
import type { Clock } from "../../platform/clock.ts";
import { errorMessage } from "../../platform/errors.ts";
import { createDriver, type Driver } from "../../platform/io/driver.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Random } from "../../platform/random.ts";
import { fromMultiaddrText, parseAddress, toMultiaddrText } from "../address.ts";
import { OverlayError } from "../errors.ts";
import { fromBase32, toBase32 } from "../identity/base32.ts";
import { WIRE_VERSION, WIRE_VERSION_MIN } from "../identity/hello.ts";
import { isSignedBy, type KeyPair } from "../identity/keys.ts";
import { hostTagOf } from "../identity/tags.ts";
import type { DurableRecords } from "../records/durable-records.ts";
import {
  HostSetPullCodec,
  HostSetsCodec,
  InterestNoticeCodec,
  SignedCodec,
  type Hello,
  type Membership,
  type Signed,
  type SubnetClaim,
} from "../schema/messages.ts";
import {
  checkHostSet,
  checkStatement,
  LEAVE_DOMAIN,
  leaveBody,
  signHostSet,
  signStatement,
  type HostSet,
  type SetHost,
} from "../subnet/host-set.ts";
import {
  HostSetMachine,
  STATEMENT_GOOD_FOR_MS,
  type HostSetAction,
  type HostSetEvent,
} from "../subnet/host-set-machine.ts";
import { SubnetBook } from "../subnet/subnet-book.ts";
import { ChannelPool } from "./channel-pool.ts";
import { Custodian } from "./custodian.ts";
import { OverlayDirectory } from "./directory.ts";
import { KadRouting } from "./kad-routing.ts";
import { CALL, NOTICE } from "./methods.ts";
import { Neighbours } from "./neighbours.ts";
import { createSubnetNode, peerIdOf, publicKeyOf, toMultiaddr, type SubnetNode } from "./nodes.ts";
import type { PeerChannel } from "./peer-channel.ts";
import { RecordMover } from "./record-mover.ts";
import { serveRecords } from "./record-service.ts";
import { Siblings } from "./siblings.ts";
import { WatchDesk } from "./watch-desk.ts";
import { Watcher } from "./watcher.ts";

const NEIGHBOUR_HEARTBEAT_MS = 4_000;
const NEIGHBOUR_SILENCE_MS = 11_000;
const MAINTAIN_MS = 1_000;
const PULL_EVERY_MS = 60_000;
const STATEMENT_EVERY_MS = STATEMENT_GOOD_FOR_MS * 0.4;
const SIBLING_RETRY_MS = 5_000;
/** Tries before a host named in a handed-over set counts as gone. */
const SIBLING_TRIES = 2;

export interface SessionParts {
  readonly subnetKey: KeyPair;
  readonly claim: SubnetClaim;
  readonly hostKey: KeyPair;
  readonly overlay: { readonly id: Uint8Array; readonly secret: Uint8Array };
  membership(): Membership;
  readonly records: DurableRecords;
  readonly hostPool: ChannelPool;
  readonly ports: { readonly subnet: number; readonly host: number };
  readonly families: { readonly hasIpv4: boolean; readonly hasIpv6: boolean };
  readonly hostName: string;
  readonly replicas: number;
  readonly allowsWan: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Addresses of this host on the link, no zones. */
  addresses(): readonly string[];
  /** Asks the link for holders of a key; host tags. */
  askLink(key: Uint8Array): Promise<readonly string[]>;
  /** Greatest version of this subnet's host set known before. */
  readonly version: bigint;
  /** A handed-over host set, when joining. */
  readonly hostSet: HostSet | undefined;
  onHostSet(set: HostSet): void;
  onLiveChanged(): void;
}

export class SubnetSession {
  readonly subnetId: string;
  readonly claim: SubnetClaim;
  readonly book = new SubnetBook();
  readonly siblings: Siblings;
  readonly directory: OverlayDirectory;
  readonly routing: KadRouting;
  readonly neighbours: Neighbours;
  readonly custodian: Custodian;
  readonly mover: RecordMover;
  readonly #parts: SessionParts;
  readonly #node: SubnetNode;
  readonly #pool: ChannelPool;
  readonly #watches: WatchDesk;
  readonly #watcher: Watcher;
  readonly #machine: HostSetMachine;
  readonly #driver: Driver<HostSetEvent>;
  readonly #timers: NodeJS.Timeout[] = [];
  #sequence: number;
  #set: HostSet | undefined;
  #isClosed = false;

  static async start(parts: SessionParts): Promise<SubnetSession> {
    // The node asks for the session before it is there; both answers wait for it.
    const ready = Promise.withResolvers<SubnetSession>();
    let session: SubnetSession | undefined;
    const node = await createSubnetNode({
      key: parts.subnetKey,
      port: parts.ports.subnet,
      ...parts.families,
      secret: parts.overlay.secret,
      announced: () => (session?.announcedAddresses() ?? []).map(toMultiaddr),
      isQuarantined: (address) => session?.neighbours.isQuarantined(address) ?? false,
      admitted: async (connection) => (await ready.promise).#pool.admitted(connection),
    });
    const pool = await ChannelPool.start(
      node.node,
      {
        clock: parts.clock,
        log: parts.log,
        hostKey: parts.hostKey,
        overlay: () => parts.overlay.id,
        introduce: () => (session === undefined ? bareHello(parts) : session.introduce()),
        approve: (channel) => approveNeighbour(channel, parts.subnetKey.publicKey),
        onCall: async (channel, method, body) =>
          (await ready.promise).onNeighbourCall(channel, method, body),
        onNotice: (channel, method, body) => session?.onNeighbourNotice(channel, method, body),
        heartbeatMs: NEIGHBOUR_HEARTBEAT_MS,
        silenceMaxMs: NEIGHBOUR_SILENCE_MS,
      },
      {
        onOpen: (channel) => session?.onNeighbourOpen(channel),
        onClose: (channel, reason) => session?.onNeighbourClose(channel, reason),
      },
    );
    session = new SubnetSession(parts, node, pool);
    ready.resolve(session);
    session.#begin();
    return session;
  }

  private constructor(parts: SessionParts, node: SubnetNode, pool: ChannelPool) {
    const { subnetKey, hostKey, clock, random, log, records, replicas } = parts;
    this.#parts = parts;
    this.#node = node;
    this.#pool = pool;
    this.subnetId = subnetKey.id;
    this.claim = parts.claim;
    // Above what this host stated in an earlier life of the subnet.
    this.#sequence = Math.floor(clock.wallMs() / 1000) % 2 ** 31;
    this.#machine = new HostSetMachine(this.#ownHost(), parts.version);
    this.siblings = new Siblings(parts.hostPool, this.subnetId, log);
    this.routing = new KadRouting(node, log);
    this.neighbours = new Neighbours(pool, {
      routing: this.routing,
      book: this.book,
      clock,
      random,
      log,
      addressesOf: (subnetId) => this.#storedAddresses(subnetId),
      allowsDials: parts.allowsWan,
    });
    this.#watches = new WatchDesk(this.siblings);
    this.custodian = new Custodian({
      records,
      siblings: this.siblings,
      watches: this.#watches,
      clock,
      log,
      self: { id: hostKey.id, key: hostKey.publicKey },
      hosts: () => this.liveHosts(),
      askLink: (key) => this.#askLink(key),
      isAlone: () => this.siblings.channels().length === 0,
    });
    const shared = {
      records,
      custodian: this.custodian,
      neighbours: this.neighbours,
      routing: this.routing,
      clock,
      log,
      selfSubnet: this.subnetId,
      replicas,
    };
    this.mover = new RecordMover({
      ...shared,
      random,
      selfHost: hostKey.id,
      hosts: () => this.liveHosts(),
    });
    this.#watcher = new Watcher({ ...shared, desk: this.#watches });
    this.directory = new OverlayDirectory({ ...shared, watcher: this.#watcher, hostKey });
    this.#driver = createDriver(this.#machine, clock, (action) => this.#perform(action));
  }

  /** Live hosts by id, this one included. */
  liveHosts(): readonly string[] {
    return this.#machine.hosts.map((host) => host.id);
  }

  get hosts(): readonly SetHost[] {
    return this.#machine.hosts;
  }

  /** The subnet's present host set; absent in the first moments of a new subnet. */
  get hostSet(): HostSet | undefined {
    return this.#set;
  }

  /** Where neighbours reach the subnet, as multiaddr texts. */
  announcedAddresses(): string[] {
    const hosts = this.#set?.hosts ?? this.#machine.hosts;
    return hosts
      .flatMap((host) => host.subnetAddresses)
      .map((a) => toMultiaddrText(parseAddress(a)));
  }

  introduce(): Omit<Hello, "nonce"> {
    return {
      ...bareHello(this.#parts),
      hostSet: this.#set?.signed ?? null,
      statement: this.#ownHost().signed,
    };
  }

  // ---- siblings, over the host node

  /** A member's channel under its host key opened: a sibling if it is of this subnet. */
  onSiblingOpen(channel: PeerChannel): void {
    if (channel.subnetId !== this.subnetId) return;
    const { peerHello } = channel;
    if (peerHello.statement !== null) this.#hearStatement(peerHello.statement, channel.hostId);
    if (peerHello.hostSet !== null) this.#hearSet(peerHello.hostSet, channel);
    this.#watches.introduce(channel);
  }

  onSiblingClose(channel: PeerChannel): void {
    if (channel.subnetId !== this.subnetId) return;
    this.#watches.forget(channel);
    if (this.siblings.has(channel.hostId) || this.#isClosed) return;
    const host = this.hosts.find(({ id }) => id === channel.hostId);
    this.#driver.feed({ type: "host-down", id: channel.hostId });
    if (host !== undefined) void this.siblings.reach(host); // a lost connection, perhaps
  }

  onSiblingCall(channel: PeerChannel, method: string, body: Uint8Array): Promise<Uint8Array> {
    if (channel.subnetId !== this.subnetId)
      throw new OverlayError("ERR_OVERLAY_REFUSED", "only a host of this subnet may ask that");
    return serveRecords(this.custodian, { method, body, isSibling: true, subnetId: this.subnetId });
  }

  onSiblingNotice(channel: PeerChannel, method: string, body: Uint8Array): void {
    if (method === NOTICE.hostSet) return this.#hearSet(SignedCodec.decode(body), channel);
    if (channel.subnetId !== this.subnetId) return;
    if (method === NOTICE.statement) this.#hearStatement(SignedCodec.decode(body), channel.hostId);
    else if (method === NOTICE.leave) this.#hearLeave(SignedCodec.decode(body), channel);
    else if (method === NOTICE.interest) {
      const { key, isCancel } = InterestNoticeCodec.decode(body);
      this.#watches.onInterest(channel.hostId, key, isCancel);
    } else if (method === NOTICE.changed) this.#watches.hear(body);
  }

  /** Dials hosts that multicast or a host set names, unless there is a channel. */
  async reachSibling(host: SetHost): Promise<boolean> {
    return this.siblings.reach(host);
  }

  // ---- neighbours, over the subnet node

  onNeighbourOpen(channel: PeerChannel): void {
    if (channel.peerHello.hostSet !== null) this.#hearSet(channel.peerHello.hostSet, channel);
    this.neighbours.onOpen(channel);
    this.#watcher.onChange();
  }

  onNeighbourClose(channel: PeerChannel, reason: string): void {
    this.#parts.log.debug("neighbour lost", { subnet: channel.subnetId, reason });
    this.#watches.forget(channel);
    if (this.#isClosed) return;
    this.neighbours.onClose(channel);
    this.#watcher.onChange();
  }

  async onNeighbourCall(
    channel: PeerChannel,
    method: string,
    body: Uint8Array,
  ): Promise<Uint8Array> {
    if (method === CALL.hostSetPull) return this.#answerPull(body);
    if (method === CALL.watch) return this.#watches.serve(channel, body, this.custodian);
    return serveRecords(this.custodian, {
      method,
      body,
      isSibling: false,
      subnetId: channel.subnetId,
    });
  }

  onNeighbourNotice(channel: PeerChannel, method: string, body: Uint8Array): void {
    if (method === NOTICE.hostSet) this.#hearSet(SignedCodec.decode(body), channel);
    else if (method === NOTICE.watchEvent) this.#watcher.onNotice(body);
  }

  // ---- the end

  /**
   * Hands over and says goodbye; the subnet's last host tells its neighbours that the subnet ends.
   */
  async leave(): Promise<void> {
    const { hostKey, subnetKey, log } = this.#parts;
    await this.mover.handOver().catch((error: unknown) => {
      log.warn("hand-over failed", { reason: errorMessage(error) });
    });
    this.#isClosed = true;
    const isLast = this.liveHosts().length === 1;
    const body = leaveBody(hostKey.publicKey, subnetKey.publicKey, this.#sequence);
    const leave = SignedCodec.encode({ body, signature: hostKey.sign(LEAVE_DOMAIN, body) });
    this.siblings.notify(NOTICE.leave, leave);
    if (isLast) await this.#publish(this.#machine.version + (1n << 16n), []);
    await this.close();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.mover.stop();
    this.#driver.stop();
    for (const timer of this.#timers) clearInterval(timer);
    await this.#pool.close();
    await this.#node.node.stop();
  }

  // ---- inside

  #begin(): void {
    const { hostSet, random } = this.#parts;
    if (hostSet !== undefined) {
      this.#set = hostSet;
      const { version, hosts } = hostSet;
      this.#driver.feed({ type: "set-heard", version, hosts });
      for (const host of hosts) void this.#meetSibling(host);
    }
    this.routing.onEvent(() => {
      this.mover.onChange();
      this.#watcher.onChange();
    });
    this.#timers.push(
      setInterval(() => this.neighbours.maintain(), MAINTAIN_MS),
      setInterval(() => void this.#pull(), PULL_EVERY_MS * random.between(0.75, 1.25)),
      setInterval(() => this.#renewStatement(), STATEMENT_EVERY_MS),
      setInterval(() => this.#reachAll(), SIBLING_RETRY_MS),
    );
  }

  #perform(action: HostSetAction): void {
    switch (action.type) {
      case "publish":
        void this.#publish(action.version, action.hosts);
        break;
      case "live-changed":
        this.mover.onChange();
        this.#parts.onLiveChanged();
        break;
      case "adopt":
        break; // the bytes were kept when they were heard
    }
  }

  async #publish(version: bigint, hosts: readonly SetHost[]): Promise<void> {
    const { subnetKey, claim, log } = this.#parts;
    const peerRecord = await sealPeerRecord(subnetKey, version, hosts);
    const { generation } = claim;
    const set = signHostSet({ subnet: subnetKey, generation, version, hosts, peerRecord });
    if (this.#set !== undefined && this.#set.version >= version) return; // overtaken meanwhile
    log.debug("host set published", { version: String(version), hosts: hosts.length });
    await this.#serve(set);
    const notice = SignedCodec.encode(set.signed);
    this.siblings.notify(NOTICE.hostSet, notice);
    for (const channel of this.neighbours.channels()) channel.notify(NOTICE.hostSet, notice);
  }

  /** Makes a set of this subnet the one that identify and hello give out. */
  async #serve(set: HostSet): Promise<void> {
    this.#set = set;
    const { node } = this.#node;
    const multiaddrs = this.announcedAddresses().map(toMultiaddr);
    this.#parts.onHostSet(set);
    if (this.#isClosed) return;
    await node.peerStore
      .patch(node.peerId, { peerRecordEnvelope: set.peerRecord, multiaddrs })
      .catch(() => {}); // the node is stopping
  }

  /** A host set from anywhere: of this subnet, or of another. */
  #hearSet(signed: Signed, from: PeerChannel): void {
    const { overlay, clock, log } = this.#parts;
    let set: HostSet;
    try {
      set = checkHostSet(signed, overlay.id, clock.wallMs());
    } catch (error) {
      log.warn("host set refused", { from: from.hostId, reason: errorMessage(error) });
      return;
    }
    if (set.subnetId === this.subnetId) return this.#hearOwnSet(set);
    if (!this.book.consider(set)) return;
    if (set.hosts.length === 0) void this.neighbours.onResigned(set.subnetId);
    else void this.#storePeerRecord(set);
    if (from.subnetId !== this.subnetId)
      this.siblings.notify(NOTICE.hostSet, SignedCodec.encode(signed));
  }

  #hearOwnSet(set: HostSet): void {
    if (set.hosts.length === 0 || set.version <= this.#machine.version) return;
    void this.#serve(set);
    this.#driver.feed({ type: "set-heard", version: set.version, hosts: set.hosts });
    const notice = SignedCodec.encode(set.signed);
    for (const channel of this.neighbours.channels()) channel.notify(NOTICE.hostSet, notice);
    for (const host of set.hosts) if (!this.siblings.has(host.id)) void this.siblings.reach(host);
  }

  #hearStatement(signed: Signed, hostId: string): void {
    const { overlay, clock, log, subnetKey } = this.#parts;
    try {
      const host = checkStatement(signed, overlay.id, clock.wallMs());
      if (host.id !== hostId || !isEqualBytes(host.subnet, subnetKey.publicKey)) return;
      this.#driver.feed({ type: "host-up", host });
    } catch (error) {
      log.warn("host statement refused", { from: hostId, reason: errorMessage(error) });
    }
  }

  /** Signed by the leaver, so a sibling may bring it. */
  #hearLeave(signed: Signed, from: PeerChannel): void {
    const { subnetKey } = this.#parts;
    const host = signed.body.subarray(0, subnetKey.publicKey.length);
    const subnet = signed.body.subarray(host.length, 2 * host.length);
    if (!isEqualBytes(subnet, subnetKey.publicKey)) return;
    if (!isSignedBy(host, LEAVE_DOMAIN, signed.body, signed.signature)) return;
    if (!isEqualBytes(host, from.greeting.host)) return;
    this.#driver.feed({ type: "host-down", id: toBase32(host) });
  }

  async #storePeerRecord(set: HostSet): Promise<void> {
    const { node } = this.#node;
    const expectedPeer = peerIdOf(set.subnet);
    await node.peerStore.consumePeerRecord(set.peerRecord, { expectedPeer }).catch(() => {});
  }

  async #storedAddresses(subnetId: string): Promise<readonly string[]> {
    try {
      const peer = await this.#node.node.peerStore.get(peerIdOf(fromBase32(subnetId)));
      return peer.addresses
        .map(({ multiaddr }) => fromMultiaddrText(multiaddr.toString()))
        .filter((address) => address !== undefined);
    } catch {
      return []; // never heard of
    }
  }

  #answerPull(body: Uint8Array): Uint8Array {
    const { knownVersion } = HostSetPullCodec.decode(body);
    const isNews = this.#set !== undefined && this.#set.version > knownVersion;
    return HostSetsCodec.encode({ sets: isNews ? [this.#set!.signed] : [] });
  }

  /** Once a minute: one host of each neighbour is asked for a newer set (mDHT §3.3.3, pull). */
  async #pull(): Promise<void> {
    for (const channel of this.neighbours.channels()) {
      const knownVersion = this.book.get(channel.subnetId)?.version ?? 0n;
      const body = HostSetPullCodec.encode({ knownVersion });
      try {
        const { sets } = HostSetsCodec.decode(await channel.call(CALL.hostSetPull, body));
        for (const signed of sets) this.#hearSet(signed, channel);
      } catch (error) {
        this.#parts.log.debug("host set not pulled", { reason: errorMessage(error) });
      }
    }
  }

  async #askLink(key: Uint8Array): Promise<readonly string[]> {
    const tags = await this.#parts.askLink(key);
    return this.siblings
      .channels()
      .map((channel) => channel.hostId)
      .filter((id) => tags.includes(hostTagOf(id)));
  }

  /** A host of the handed-over set: met, or gone. */
  async #meetSibling(host: SetHost): Promise<void> {
    if (host.id === this.#parts.hostKey.id) return;
    for (let attempt = 0; attempt < SIBLING_TRIES; attempt++)
      if (await this.siblings.reach(host)) return;
    if (!this.siblings.has(host.id)) this.#driver.feed({ type: "host-down", id: host.id });
  }

  #reachAll(): void {
    for (const host of this.hosts)
      if (host.id !== this.#parts.hostKey.id && !this.siblings.has(host.id))
        void this.siblings.reach(host);
  }

  /** Fresh addresses, or just a fresh date. */
  restate(): void {
    this.#sequence++;
    const host = this.#ownHost();
    this.#driver.feed({ type: "host-up", host });
    this.siblings.notify(NOTICE.statement, SignedCodec.encode(host.signed));
  }

  #renewStatement(): void {
    this.restate();
  }

  #ownHost(): SetHost {
    const { hostKey, subnetKey, hostName, ports, membership } = this.#parts;
    const addresses = this.#parts.addresses();
    const at = (port: number): string[] =>
      addresses.map((host) => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`));
    const subnetAddresses = at(ports.subnet);
    const hostAddresses = at(ports.host);
    const signed = signStatement(hostKey, {
      host: hostKey.publicKey,
      subnet: subnetKey.publicKey,
      name: hostName,
      subnetAddresses,
      hostAddresses,
      sequence: this.#sequence,
      goodForMs: STATEMENT_GOOD_FOR_MS,
      membership: membership(),
    });
    return {
      id: hostKey.id,
      key: hostKey.publicKey,
      name: hostName,
      subnetAddresses,
      hostAddresses,
      sequence: this.#sequence,
      signed,
    };
  }
}

function bareHello(parts: SessionParts): Omit<Hello, "nonce"> {
  return {
    wireMin: WIRE_VERSION_MIN,
    wireMax: WIRE_VERSION,
    host: parts.hostKey.publicKey,
    overlay: parts.overlay.id,
    membership: parts.membership(),
    subnet: parts.subnetKey.publicKey,
    hostSet: null,
    wallMs: BigInt(Math.trunc(parts.clock.wallMs())),
    claim: parts.claim,
    statement: null,
  };
}

/** On the subnet node: a member, acting for the subnet whose key the connection proves. */
function approveNeighbour(channel: PeerChannel, ownSubnet: Uint8Array): void {
  const key = publicKeyOf(channel.connection.remotePeer);
  const { subnet } = channel.peerHello;
  if (!channel.isMember)
    throw new OverlayError("ERR_OVERLAY_REFUSED", "not a member of this overlay");
  if (key === undefined || !isEqualBytes(key, subnet) || isEqualBytes(subnet, ownSubnet))
    throw new OverlayError("ERR_OVERLAY_WRONG_PEER", "it does not hold the subnet's key it claims");
}

/** The set as identify carries it: one number for all hosts, and not the clock's. */
async function sealPeerRecord(
  subnet: KeyPair,
  version: bigint,
  hosts: readonly SetHost[],
): Promise<Uint8Array> {
  const multiaddrs = hosts
    .flatMap((host) => host.subnetAddresses)
    .map((address) => toMultiaddr(toMultiaddrText(parseAddress(address))));
  const peerId = peerIdOf(subnet.publicKey);
  const record = new PeerRecord({ peerId, multiaddrs, seqNumber: version });
  const key = privateKeyFromRaw(concatBytes(subnet.seed, subnet.publicKey));
  return (await RecordEnvelope.seal(record, key)).marshal();
}
