/**
 * One subnet as long as a host is in it: the parts of `overlay/io/session.ts` over simulated nodes.
 *
 * Every part that decides something is the daemon's own; here they are only put together. Not here:
 * watches of others, relays, port mappings and the question whether this host can be dialled.
 */
import type { Logger } from "../../platform/logger.ts";
import type { Random } from "../../platform/random.ts";
import { sleep } from "../../platform/timers.ts";
import {
  CALL,
  Custodian,
  HostSetExchange,
  HostSetKeeper,
  Neighbours,
  NOBODY_REVOKED,
  NOTICE,
  OverlayDirectory,
  OverlayError,
  RecordMover,
  serveRecords,
  SiblingDesk,
  Siblings,
  SignedCodec,
  STATEMENT_GOOD_FOR_MS,
  SubnetBook,
  WatchDesk,
  type DurableRecords,
  type HostSet,
  type KeyPair,
  type Membership,
  type RoutingEvent,
  type SetHost,
  type SubnetClaim,
} from "../../overlay/cores.ts";
import type { HostTime } from "./host-time.ts";
import type { Place } from "./network.ts";
import type { SimChannel } from "./sim-channel.ts";
import { SimPool } from "./sim-pool.ts";
import { FIND_CALL, SimRouting } from "./sim-routing.ts";
import type { HelloView, Transport } from "./transport.ts";

export const SUBNET_PORT = 4777;
export const HOST_PORT = 4778;
const MAINTAIN_MS = 1_000;
const PULL_EVERY_MS = 60_000;
const STATEMENT_EVERY_MS = STATEMENT_GOOD_FOR_MS * 0.4;
const SIBLING_RETRY_MS = 5_000;
const LEAVE_WAIT_MS = 100;
const HEARTBEAT_MS = 4_000;
const SILENCE_MAX_MS = 11_000;

export interface SimSessionParts {
  readonly transport: Transport;
  readonly place: Place;
  readonly time: HostTime;
  readonly random: Random;
  placeOf(ip: string): Place | undefined;
  readonly subnetKey: KeyPair;
  readonly claim: SubnetClaim;
  readonly hostKey: KeyPair;
  readonly overlayId: Uint8Array;
  readonly membership: Membership;
  readonly records: DurableRecords;
  readonly hostPool: SimPool;
  readonly replicas: number;
  readonly log: Logger;
  readonly version: bigint;
  readonly hostSet: HostSet | undefined;
  onLink(hostId: string): readonly string[];
  askLink(key: Uint8Array, hosts: () => readonly string[]): Promise<readonly string[]>;
  onChange(): void;
  onRoutingEvent(event: RoutingEvent): void;
}

export class SimSession {
  readonly subnetId: string;
  readonly claim: SubnetClaim;
  readonly key: KeyPair;
  readonly book = new SubnetBook();
  readonly siblings: Siblings<SimChannel>;
  readonly neighbours: Neighbours<SimChannel>;
  readonly routing: SimRouting;
  readonly custodian: Custodian;
  readonly mover: RecordMover;
  readonly directory: OverlayDirectory;
  readonly desk: SiblingDesk<SimChannel>;
  readonly pool: SimPool;
  readonly #parts: SimSessionParts;
  readonly #keeper: HostSetKeeper;
  readonly #exchange: HostSetExchange<SimChannel>;
  #isClosed = false;

  constructor(parts: SimSessionParts) {
    const { time, random, records, replicas, hostKey } = parts;
    this.#parts = parts;
    this.key = parts.subnetKey;
    this.subnetId = parts.subnetKey.id;
    this.claim = parts.claim;
    this.pool = this.#createPool();
    this.#keeper = this.#createKeeper();
    const { book, subnetId } = this;
    const times = { clock: time, timers: time, log: parts.log };
    this.siblings = new Siblings(parts.hostPool, subnetId, parts.log, time, (id) =>
      parts.onLink(id),
    );
    this.routing = new SimRouting({
      ...{ subnetId, time, random },
      neighbours: () => this.neighbours,
      newest: (id) => book.newest(id),
      onEvent: (event) => parts.onRoutingEvent(event),
    });
    const { siblings, routing } = this;
    this.neighbours = new Neighbours(this.pool, {
      ...{ routing, book, random, ...times },
      addressesOf: async (id) => routing.addressesOf(id),
      isOnLink: (ip) => parts.placeOf(ip)?.link === parts.place.link,
      allowsDials: true,
    });
    const { neighbours } = this;
    this.#exchange = new HostSetExchange({
      ...{ keeper: this.#keeper, book, siblings, neighbours, subnetId, ...times },
      addresses: {
        serve: async () => {},
        note: async () => {},
        addressesOf: async (id) => routing.addressesOf(id),
      },
      overlayId: parts.overlayId,
      trust: { revoked: () => NOBODY_REVOKED, isRetired: () => false, noteHosts: () => {} },
      onOwnSet: () => {
        this.desk.reachAll();
        parts.onChange();
      },
    });
    const watches = new WatchDesk(siblings);
    this.desk = new SiblingDesk({
      ...{ siblings, keeper: this.#keeper, exchange: this.#exchange, watches, clock: time },
      ...{ self: hostKey.id, subnetId },
    });
    const hosts = (): readonly string[] => this.hosts.map(({ id }) => id);
    this.custodian = new Custodian({
      ...{ records, siblings, watches, hosts, self: hostKey.id, ...times },
      askLink: (key) => parts.askLink(key, () => siblings.channels().map(({ hostId }) => hostId)),
      owe: (host, slotId) => this.mover.oweHost(host, slotId),
    });
    const { custodian } = this;
    const shared = { records, custodian, neighbours, routing, replicas, ...times };
    const self = { selfHost: hostKey.id, selfSubnet: subnetId, hostKey };
    const mover = (this.mover = new RecordMover({ ...shared, ...self, random, hosts }));
    const watcher = { watch: unwatched };
    this.directory = new OverlayDirectory({ ...shared, ...self, watcher, mover });
  }

  get hosts(): readonly SetHost[] {
    return this.#keeper.hosts;
  }

  get hostSet(): HostSet | undefined {
    return this.#keeper.set;
  }

  introduce(): HelloView {
    return {
      hostId: this.#parts.hostKey.id,
      subnetId: this.subnetId,
      claim: this.claim,
      hostSet: this.#keeper.set?.signed ?? null,
      statement: this.#keeper.ownHost().signed,
    };
  }

  /** To be called once everybody who asks for the session is given this one. */
  begin(): void {
    const { random, hostSet } = this.#parts;
    if (hostSet !== undefined) this.desk.begin(hostSet);
    this.routing.onEvent(() => this.mover.onChange());
    this.#every(MAINTAIN_MS, () => this.maintain());
    this.#every(PULL_EVERY_MS * random.between(0.75, 1.25), () => void this.#exchange.pull());
    this.#every(STATEMENT_EVERY_MS, () => this.#restate());
    this.#every(SIBLING_RETRY_MS, () => this.desk.reachAll());
  }

  maintain(): void {
    if (this.#isClosed) return;
    const nowMs = this.#parts.time.monotonicMs();
    this.book.expire(nowMs);
    this.neighbours.maintain();
    this.siblings.seek(nowMs);
  }

  async onSiblingCall(channel: SimChannel, method: string, body: Uint8Array): Promise<Uint8Array> {
    const { subnetId, hostId } = channel;
    if (subnetId !== this.subnetId)
      throw new OverlayError("ERR_OVERLAY_REFUSED", "only a host of this subnet may ask that");
    return serveRecords(this.custodian, { method, body, isSibling: true, subnetId, hostId });
  }

  /** As `overlay/io/session.ts`: hands over, says goodbye, and takes the subnet back as its last. */
  async leave(): Promise<void> {
    await this.mover.handOver().catch(() => {});
    this.siblings.notify(NOTICE.leave, SignedCodec.encode(this.#keeper.leave()));
    if (this.hosts.length > 1) await sleep(this.#parts.time, LEAVE_WAIT_MS);
    if (this.hosts.length === 1) await this.#keeper.resignSubnet();
    await this.close("done");
  }

  async close(how: "done" | "retired"): Promise<void> {
    if (how === "retired") await this.#keeper.resignSubnet();
    this.#isClosed = true;
    this.desk.close();
    this.mover.stop();
    this.routing.stop();
    this.#keeper.stop();
    this.#exchange.stop();
    this.pool.close();
  }

  #createPool(): SimPool {
    const { transport, place, time, placeOf } = this.#parts;
    return new SimPool({
      ...{ transport, place, time, port: SUBNET_PORT, placeOf },
      heartbeatMs: HEARTBEAT_MS,
      silenceMaxMs: SILENCE_MAX_MS,
      introduce: () => this.introduce(),
      refusalOf: ({ subnetId }) =>
        subnetId === this.subnetId ? "it acts for this very subnet" : undefined,
      onOpen: (channel) => {
        this.#exchange.greet(channel);
        this.neighbours.onOpen(channel);
      },
      onClose: (channel) => {
        if (!this.#isClosed) this.neighbours.onClose(channel);
      },
      onCall: async (channel, method, body) => {
        const { subnetId, hostId } = channel;
        if (method === FIND_CALL) return this.routing.answer();
        if (method === CALL.hostSetPull) return this.#exchange.answerPull(body);
        return serveRecords(this.custodian, { method, body, isSibling: false, subnetId, hostId });
      },
      onNotice: (channel, method, body) => {
        if (method === NOTICE.hostSet) this.#exchange.hear(SignedCodec.decode(body), channel);
      },
    });
  }

  #createKeeper(): HostSetKeeper {
    const { time, place, subnetKey, claim, hostKey, overlayId, membership, log } = this.#parts;
    return new HostSetKeeper({
      ...{ subnetKey, hostKey, overlayId, clock: time, timers: time, log },
      seal: async () => new Uint8Array(),
      generation: claim.generation,
      trust: { revoked: () => NOBODY_REVOKED },
      membership: () => membership,
      hostName: place.name,
      ports: { subnet: SUBNET_PORT, host: HOST_PORT },
      addresses: () => [place.ip],
      reach: () => "reachable",
      relays: () => [],
      mapped: () => ({ subnet: null, host: null }),
      version: this.#parts.hostSet ? 0n : this.#parts.version,
      onSet: (set) => this.#exchange.serve(set),
      onOutdated: () => this.#restate(),
      onLiveChanged: () => {
        this.mover.onChange();
        this.#parts.onChange();
      },
    });
  }

  #restate(): void {
    this.siblings.notify(NOTICE.statement, SignedCodec.encode(this.#keeper.restate()));
  }

  #every(ms: number, run: () => void): void {
    this.#parts.time.every(ms, () => {
      if (!this.#isClosed) run();
    });
  }
}

function unwatched(): AsyncGenerator<never> {
  throw new OverlayError("ERR_OVERLAY_REFUSED", "nothing is watched in the simulation");
}
