/**
 * One subnet as long as this host is in it: the subnet node, the DHT, the siblings, the records'
 * ways. Another subnet (a merge, a move) is another session.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { errorMessage } from "../../platform/errors.ts";
import { SYSTEM_TIMERS as TIMERS } from "../../platform/io/system-timers.ts";
import { OverlayError } from "../errors.ts";
import type { KeyPair } from "../identity/keys.ts";
import { SignedCodec, type Signed, type SubnetClaim } from "../schema/messages.ts";
import { isClient, type HostSet, type SetHost } from "../subnet/host-set.ts";
import { STATEMENT_GOOD_FOR_MS } from "../subnet/host-set-machine.ts";
import { SubnetBook } from "../subnet/subnet-book.ts";
import type { ChannelPool } from "./channel-pool.ts";
import { Custodian } from "../custody/custodian.ts";
import { OverlayDirectory } from "../custody/directory.ts";
import { HostSetExchange } from "../peers/host-set-exchange.ts";
import { HostSetKeeper } from "../subnet/host-set-keeper.ts";
import { introduceMember, type Introduced } from "./introduction.ts";
import { KadRouting } from "./kad-routing.ts";
import { CALL, NOTICE } from "../schema/methods.ts";
import { Neighbours } from "../peers/neighbours.ts";
import type { SubnetNode } from "./nodes.ts";
import { PeerAddresses } from "./peer-addresses.ts";
import type { PeerChannel } from "./peer-channel.ts";
import { sealPeerRecord } from "./peer-record.ts";
import type { SessionParts } from "./session-parts.ts";
import { openSubnetNode } from "./subnet-door.ts";
import { Reachability } from "./reachability.ts";
import { RecordMover } from "../custody/record-mover.ts";
import { serveRecords } from "../custody/record-service.ts";
import { SiblingDesk } from "../peers/sibling-desk.ts";
import { Siblings } from "../peers/siblings.ts";
import { WatchDesk } from "../custody/watch-desk.ts";
import type { WatchFeed } from "./watch-feed.ts";
import { Watcher } from "./watcher.ts";

const MAINTAIN_MS = 1_000;
const PULL_EVERY_MS = 60_000;
const STATEMENT_EVERY_MS = STATEMENT_GOOD_FOR_MS * 0.4;
const SIBLING_RETRY_MS = 5_000;
const LEAVE_WAIT_MS = 100;

export class SubnetSession {
  readonly subnetId: string;
  readonly claim: SubnetClaim;
  readonly book = new SubnetBook();
  readonly siblings: Siblings<PeerChannel>;
  readonly directory: OverlayDirectory<WatchFeed>;
  readonly routing: KadRouting;
  readonly neighbours: Neighbours<PeerChannel>;
  readonly custodian: Custodian;
  readonly mover: RecordMover;
  readonly #parts: SessionParts;
  readonly #node: SubnetNode;
  readonly pool: ChannelPool;
  readonly #keeper: HostSetKeeper;
  readonly #exchange: HostSetExchange<PeerChannel>;
  readonly reachability: Reachability;
  readonly #desk: SiblingDesk<PeerChannel>;
  readonly #watches: WatchDesk;
  readonly #watcher: Watcher;
  readonly #timers: NodeJS.Timeout[] = [];
  #statedAddresses = "";
  #isClosed = false;

  /** @throws {OverlayError} ERR_OVERLAY_PORT when the subnet's port is taken */
  static async start(parts: SessionParts): Promise<SubnetSession> {
    // The node asks for the session before it is there; such questions wait for it.
    const ready = Promise.withResolvers<SubnetSession>();
    const door: { session?: SubnetSession } = {};
    const { node, pool } = await openSubnetNode(parts, door, ready.promise);
    const session = new SubnetSession(parts, node, pool);
    door.session = session;
    ready.resolve(session);
    session.#begin();
    return session;
  }

  private constructor(parts: SessionParts, node: SubnetNode, pool: ChannelPool) {
    const { hostKey, clock, random, log, records, replicas } = parts;
    this.#parts = parts;
    this.#node = node;
    this.pool = pool;
    this.subnetId = parts.subnetKey.id;
    this.claim = parts.claim;
    this.#keeper = this.#createKeeper();
    this.siblings = new Siblings(parts.hostPool, this.subnetId, log, TIMERS, parts.onLink);
    this.routing = new KadRouting(node, log);
    const { book, siblings, routing, subnetId } = this;
    const addresses = new PeerAddresses(node, log);
    this.neighbours = new Neighbours(pool, {
      routing,
      book,
      clock,
      timers: TIMERS,
      random,
      log,
      addressesOf: (id) => addresses.addressesOf(id),
      isOnLink: (address) => parts.isOnLink(address),
      allowsDials: parts.allowsWan,
    });
    this.#exchange = new HostSetExchange({
      keeper: this.#keeper,
      book,
      addresses,
      siblings,
      neighbours: this.neighbours,
      subnetId,
      overlayId: parts.overlay.id,
      trust: parts.trust,
      clock,
      log,
      onOwnSet: () => this.#onOwnSet(),
    });
    this.reachability = this.#createReachability();
    const watches = (this.#watches = new WatchDesk(siblings));
    this.#desk = new SiblingDesk({
      ...{ siblings, keeper: this.#keeper, exchange: this.#exchange, watches, clock, subnetId },
      self: hostKey.id,
    });
    const hosts = (): readonly string[] => this.hosts.map((host) => host.id);
    this.custodian = new Custodian({
      records,
      siblings,
      watches,
      clock,
      log,
      self: hostKey.id,
      hosts,
      askLink: (key) => this.#askLink(key),
      owe: (host, slotId) => this.mover.oweHost(host, slotId),
    });
    const { custodian, neighbours } = this;
    const shared = {
      records,
      custodian,
      neighbours,
      routing,
      clock,
      timers: TIMERS,
      log,
      replicas,
    };
    const self = { selfHost: hostKey.id, selfSubnet: subnetId, hostKey };
    const mover = (this.mover = new RecordMover({ ...shared, ...self, random, hosts }));
    this.#watcher = new Watcher({ ...shared, ...self, desk: this.#watches });
    this.directory = new OverlayDirectory({ ...shared, ...self, watcher: this.#watcher, mover });
  }

  /** The subnet's key, which goes to hosts of its link only. */
  get key(): KeyPair {
    return this.#parts.subnetKey;
  }

  /** Live hosts by key, this one included. */
  get hosts(): readonly SetHost[] {
    return this.#keeper.hosts;
  }

  /** The subnet's present host set; absent in the first moments of a new subnet. */
  get hostSet(): HostSet | undefined {
    return this.#keeper.set;
  }

  announcedAddresses(): string[] {
    return this.#keeper.announcedAddresses();
  }

  introduce(): Introduced {
    return {
      ...introduceMember(this.#parts),
      hostSet: this.#keeper.set?.signed ?? null,
      statement: this.#keeper.ownHost().signed,
    };
  }

  /** A statement of this host, to be published. */
  get statement(): Signed {
    return this.#keeper.ownHost().signed;
  }

  /** This host's addresses, reach or relays changed, or its statement grows old. */
  restate(): void {
    const addresses = this.#parts.addresses().join();
    if (addresses !== this.#statedAddresses) {
      this.#statedAddresses = addresses;
      this.reachability.onAddressChange();
    }
    this.siblings.notify(NOTICE.statement, SignedCodec.encode(this.#keeper.restate()));
  }

  // ---- siblings, over the host node

  /** A member's channel under its host key opened. */
  onSiblingOpen(channel: PeerChannel): void {
    this.#desk.onOpen(channel);
  }

  onSiblingClose(channel: PeerChannel): void {
    this.#desk.onClose(channel);
  }

  onSiblingNotice(channel: PeerChannel, method: string, body: Uint8Array): void {
    this.#desk.onNotice(channel, method, body);
  }

  async onSiblingCall(channel: PeerChannel, method: string, body: Uint8Array): Promise<Uint8Array> {
    if (channel.subnetId !== this.subnetId)
      throw new OverlayError("ERR_OVERLAY_REFUSED", "only a host of this subnet may ask that");
    const { subnetId, hostId } = channel;
    return serveRecords(this.custodian, { method, body, isSibling: true, subnetId, hostId });
  }

  #createKeeper(): HostSetKeeper {
    const parts = this.#parts;
    return new HostSetKeeper({
      ...parts,
      timers: TIMERS,
      seal: sealPeerRecord,
      generation: parts.claim.generation,
      overlayId: parts.overlay.id,
      // A handed-over set is to be news, or this host would announce itself alone.
      version: parts.hostSet ? 0n : parts.version,
      reach: () => this.reachability?.reach ?? "unknown",
      onSet: (set) => this.#exchange.serve(set),
      onOutdated: () => this.restate(),
      onLiveChanged: () => {
        this.#serve();
        this.mover.onChange();
        parts.onChange();
      },
    });
  }

  #createReachability(): Reachability {
    const { overlay, trust, isOnLink, hostPool, clock, log } = this.#parts;
    return new Reachability({
      pool: this.pool,
      hostPool,
      neighbours: this.neighbours,
      overlayId: overlay.id,
      revoked: () => trust.revoked(),
      isOnLink,
      clock,
      log,
      statement: () => this.#keeper.ownHost().signed,
      candidate: (port, outer) => this.#keeper.candidate(port, outer),
      onChange: () => this.restate(),
    });
  }

  // ---- the end

  /**
   * Hands over and says goodbye; the subnet's last host tells its neighbours that the subnet ends.
   */
  async leave(): Promise<void> {
    const { log } = this.#parts;
    await this.mover.handOver().catch((error: unknown) => {
      log.warn("hand-over failed", { reason: errorMessage(error) });
    });
    this.siblings.notify(NOTICE.leave, SignedCodec.encode(this.#keeper.leave()));
    // The last two may leave together: each is to hear of the other before it asks who is last.
    if (this.hosts.length > 1) await sleep(LEAVE_WAIT_MS);
    if (this.hosts.length === 1) await this.#keeper.resignSubnet();
    await this.close();
  }

  /** @param how in silence when on another link; a key that has a successor is taken back */
  async close(how: "done" | "elsewhere" | "retired" = "done"): Promise<void> {
    if (how === "retired") await this.#keeper.resignSubnet();
    this.#isClosed = true;
    this.#desk.close();
    if (how === "elsewhere") this.pool.abandon("this host is on another link");
    this.#watcher.stop();
    this.mover.stop();
    this.routing.stop();
    this.#keeper.stop();
    this.#exchange.stop();
    this.reachability.stop();
    for (const timer of this.#timers) clearInterval(timer);
    await this.pool.close();
    await this.#node.node.stop();
  }

  // ---- inside

  #begin(): void {
    const { hostSet, random, addresses } = this.#parts;
    this.#statedAddresses = addresses().join();
    if (hostSet !== undefined) this.#desk.begin(hostSet);
    this.#serve();
    this.routing.start(random);
    this.routing.onEvent(() => {
      this.mover.onChange();
      this.#watcher.onChange();
    });
    this.#timers.push(
      setInterval(() => this.#maintain(), MAINTAIN_MS),
      setInterval(() => void this.#exchange.pull(), PULL_EVERY_MS * random.between(0.75, 1.25)),
      setInterval(() => this.restate(), STATEMENT_EVERY_MS),
      setInterval(() => this.#desk.reachAll(), SIBLING_RETRY_MS),
    );
  }

  // ---- neighbours, over the subnet node

  onNeighbourOpen(channel: PeerChannel): void {
    this.#exchange.greet(channel);
    this.neighbours.onOpen(channel);
    this.reachability.onOpen(channel);
    this.#watcher.onChange();
  }

  onNeighbourClose(channel: PeerChannel, reason: string): void {
    this.#parts.log.debug("neighbour lost", { subnet: channel.subnetId, reason });
    this.#watches.forget(channel);
    if (this.#isClosed) return;
    this.neighbours.onClose(channel);
    this.reachability.onClose(channel);
    this.#watcher.onChange();
  }

  async onNeighbourCall(
    channel: PeerChannel,
    method: string,
    body: Uint8Array,
  ): Promise<Uint8Array> {
    const { subnetId, hostId } = channel;
    if (method === CALL.put && this.routing.isClient)
      throw new OverlayError(
        "ERR_OVERLAY_REFUSED",
        "no other subnet can dial this one, so it keeps nobody else's records",
      );
    if (method === CALL.hostSetPull) return this.#exchange.answerPull(body);
    if (method === CALL.dialBack) return this.reachability.answer(channel, body);
    if (method === CALL.watch) return this.#watches.serve(channel, body, this.custodian);
    return serveRecords(this.custodian, { method, body, isSibling: false, subnetId, hostId });
  }

  onNeighbourNotice(channel: PeerChannel, method: string, body: Uint8Array): void {
    if (method === NOTICE.hostSet) this.#exchange.hear(SignedCodec.decode(body), channel);
    else if (method === NOTICE.watchEvent) this.#watcher.onNotice(body);
  }

  /** Reaches for subnets that are known and not connected, without waiting for the next round. */
  maintainSoon(delayMs: number): void {
    this.#timers.push(setTimeout(() => this.#maintain(), delayMs));
  }

  /** Whether this subnet stands in no routing table, since nobody can dial it. */
  get isClient(): boolean {
    return isClient(this.hosts);
  }

  #serve(): void {
    void this.routing.serve(!this.isClient).catch((error: unknown) => {
      this.#parts.log.warn("mode of the DHT not changed", { reason: errorMessage(error) });
    });
  }

  #maintain(): void {
    this.book.expire(this.#parts.clock.monotonicMs());
    this.neighbours.maintain();
    this.siblings.seek(this.#parts.clock.monotonicMs());
  }

  #onOwnSet(): void {
    this.#desk.reachAll();
    this.#parts.onChange();
  }

  #askLink(key: Uint8Array): Promise<readonly string[]> {
    return this.#parts.askLink(key, () => this.siblings.channels().map(({ hostId }) => hostId));
  }
}
