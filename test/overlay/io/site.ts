/**
 * Subnets of hosts on loopback with everything that keeps records: real nodes, channels and calls.
 *
 * Routing is a list, the disk a promise, and the question to the link asks the hosts directly.
 */
import { SYSTEM_TIMERS } from "../../../platform/io/system-timers.ts";
import { SILENT } from "../../../platform/logger.ts";
import { createRandom } from "../../../platform/random.ts";
import { OverlayError } from "../../../overlay/errors.ts";
import { Custodian } from "../../../overlay/custody/custodian.ts";
import { OverlayDirectory } from "../../../overlay/custody/directory.ts";
import { CALL, NOTICE } from "../../../overlay/schema/methods.ts";
import { Neighbours } from "../../../overlay/peers/neighbours.ts";
import type { PeerChannel } from "../../../overlay/io/peer-channel.ts";
import { RecordMover } from "../../../overlay/custody/record-mover.ts";
import { serveRecords } from "../../../overlay/custody/record-service.ts";
import { Siblings } from "../../../overlay/peers/siblings.ts";
import { WatchDesk } from "../../../overlay/custody/watch-desk.ts";
import { Watcher } from "../../../overlay/io/watcher.ts";
import { DurableRecords } from "../../../overlay/records/durable-records.ts";
import { RecordStore, type RecordStoreOptions } from "../../../overlay/records/record-store.ts";
import { compareDistance, positionOf } from "../../../overlay/routing/position.ts";
import type { Routing, RoutingEntry } from "../../../overlay/routing/routing.ts";
import { InterestNoticeCodec } from "../../../overlay/schema/messages.ts";
import type { HostSet, SetHost } from "../../../overlay/subnet/host-set.ts";
import { SubnetBook } from "../../../overlay/subnet/subnet-book.ts";
import { pairOf } from "../identity/members.ts";
import { atStop, CLOCK, dial, startPeer, until, type Peer } from "./loopback.ts";

/** Knows the subnets that it was told of. */
export class ListedRouting implements Routing {
  readonly #self: RoutingEntry;
  readonly #known = new Map<string, RoutingEntry>();
  readonly changes = 0;
  readonly evicted: string[] = [];

  constructor(self: string) {
    this.#self = entryOf(self);
  }

  entries(): readonly RoutingEntry[] {
    return [...this.#known.values()];
  }

  list(subnet: string): void {
    this.#known.set(pairOf(subnet).id, entryOf(subnet));
  }

  closestKnown(key: Uint8Array, count: number): readonly RoutingEntry[] {
    const target = positionOf(key);
    return [this.#self, ...this.#known.values()]
      .toSorted((a, b) => compareDistance(target, positionOf(a.subnet), positionOf(b.subnet)))
      .slice(0, count);
  }

  async closest(key: Uint8Array, count: number): Promise<readonly RoutingEntry[]> {
    return this.closestKnown(key, count);
  }

  add(): void {}

  demote(): void {}

  async evict(subnetId: string): Promise<void> {
    this.evicted.push(subnetId);
    this.#known.delete(subnetId);
  }

  onEvent(): void {}
}

function entryOf(subnet: string): RoutingEntry {
  const { id, publicKey } = pairOf(subnet);
  return { subnetId: id, subnet: publicKey };
}

export interface SiteHost extends Peer {
  readonly id: string;
  readonly subnet: string;
  readonly records: DurableRecords;
  readonly siblings: Siblings<PeerChannel>;
  readonly custodian: Custodian;
  readonly mover: RecordMover;
  readonly directory: OverlayDirectory;
  readonly watcher: Watcher;
  readonly neighbours: Neighbours<PeerChannel>;
  readonly routing: ListedRouting;
  readonly book: SubnetBook;
  /** Each call and notice that came in, with its sender's name. */
  readonly served: string[];
  /** Its disk takes nothing any more. */
  breakDisk(): void;
  mendDisk(): void;
  /** Questions put to the link. */
  asked(): number;
  /** Ends the host without a word. */
  crash(): Promise<void>;
}

const running = new Set<SiteHost>();

export async function startHost(
  name: string,
  subnet: string,
  replicas = 2,
  limits: Partial<RecordStoreOptions> = {},
): Promise<SiteHost> {
  const pair = pairOf(name);
  const subnetId = pairOf(subnet).id;
  const served: string[] = [];
  let isDiskBroken = false;
  let questions = 0;
  const records = new DurableRecords(
    new RecordStore(limits),
    {
      async write() {
        if (isDiskBroken) throw new OverlayError("ERR_OVERLAY_STORAGE", "the disk is full");
      },
    },
    () => {},
  );
  const peer = await startPeer(name, {
    hello: { subnet: pairOf(subnet).publicKey },
    subnetKey: () => pairOf(subnet),
    onCall: async (channel, method, body) => {
      served.push(`${method} from ${nameOf(channel)}`);
      const isSibling = channel.subnetId === subnetId;
      if (method === CALL.watch) return watches.serve(channel, body, custodian);
      const { subnetId: ofPeer, hostId } = channel;
      return serveRecords(custodian, { method, body, isSibling, subnetId: ofPeer, hostId });
    },
    onNotice: (channel, method, body) => {
      if (method === NOTICE.interest) {
        const { key, isCancel } = InterestNoticeCodec.decode(body);
        watches.onInterest(channel.hostId, key, isCancel);
      } else if (method === NOTICE.changed) watches.hear(body);
      else if (method === NOTICE.watchEvent) watcher.onNotice(body);
    },
  });
  const siblings = new Siblings(peer.pool, subnetId, SILENT, SYSTEM_TIMERS);
  const watches = new WatchDesk(siblings);
  const hosts = (): string[] => [pair.id, ...siblings.channels().map(({ hostId }) => hostId)];
  const routing = new ListedRouting(subnet);
  const book = new SubnetBook();
  const random = createRandom(name.length);
  const custodian = new Custodian({
    records,
    siblings,
    watches,
    clock: CLOCK,
    log: SILENT,
    self: pair.id,
    hosts,
    askLink: async (key) => {
      questions++;
      const others = [...running].filter((one) => one.id !== pair.id && one.subnet === subnet);
      return others.filter((one) => one.custodian.holds(key)).map((one) => one.id);
    },
    owe: (host, slotId) => mover.oweHost(host, slotId),
  });
  const neighbours = new Neighbours(peer.pool, {
    routing,
    book,
    clock: CLOCK,
    timers: SYSTEM_TIMERS,
    random,
    log: SILENT,
    addressesOf: async () => [],
    isOnLink: () => false,
    allowsDials: true,
  });
  const ours = { records, custodian, neighbours, routing, replicas };
  const shared = { ...ours, clock: CLOCK, timers: SYSTEM_TIMERS, log: SILENT };
  const mover = new RecordMover({
    ...shared,
    random,
    selfHost: pair.id,
    selfSubnet: subnetId,
    hosts,
  });
  const watcher = new Watcher({ ...shared, desk: watches, selfSubnet: subnetId });
  const directory = new OverlayDirectory({
    ...shared,
    watcher,
    mover,
    hostKey: pair,
    selfSubnet: subnetId,
  });
  const started: SiteHost = {
    ...peer,
    id: pair.id,
    subnet,
    records,
    siblings,
    custodian,
    mover,
    directory,
    watcher,
    neighbours,
    routing,
    book,
    served,
    breakDisk: () => (isDiskBroken = true),
    mendDisk: () => (isDiskBroken = false),
    asked: () => questions,
    async crash() {
      running.delete(started);
      mover.stop();
      await peer.node.stop();
    },
  };
  running.add(started);
  atStop(async () => {
    running.delete(started);
    mover.stop();
  });
  return started;
}

function nameOf(channel: PeerChannel): string {
  return [...running].find(({ id }) => id === channel.hostId)?.name ?? "somebody";
}

/** Hosts of one subnet, each with a channel to each other. */
export async function startSite(
  subnet: string,
  names: readonly string[],
  replicas = 2,
  limits: Partial<RecordStoreOptions> = {},
): Promise<SiteHost[]> {
  const hosts = await Promise.all(names.map((name) => startHost(name, subnet, replicas, limits)));
  await Promise.all(
    hosts.flatMap((host, i) => hosts.slice(i + 1).map((other) => dial(host, other))),
  );
  await until("all siblings", () =>
    hosts.every(({ siblings }) => siblings.channels().length === hosts.length - 1),
  );
  return hosts;
}

/** Lets the hosts of each subnet know those of the others. */
export function introduceSites(...sites: readonly (readonly SiteHost[])[]): void {
  const nothing = new Uint8Array();
  const signed = { body: nothing, signature: nothing };
  for (const site of sites) {
    const { subnet } = site[0]!;
    const hosts: SetHost[] = site.map(({ id, name, address }) => ({
      id,
      key: pairOf(name).publicKey,
      name,
      mayAdmit: true,
      reach: "reachable",
      relays: [],
      subnetAddresses: [address],
      hostAddresses: [address],
      sequence: 1,
      goodForMs: 600_000,
      signed,
    }));
    const set: HostSet = {
      subnet: pairOf(subnet).publicKey,
      subnetId: pairOf(subnet).id,
      generation: 1,
      version: 1n,
      hosts,
      peerRecord: nothing,
      signed,
    };
    for (const other of sites)
      for (const host of other)
        if (host.subnet !== subnet) {
          host.routing.list(subnet);
          host.book.consider(set, 0);
        }
  }
}
