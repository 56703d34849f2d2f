/**
 * Records in the overlay: put, got, and kept where they belong while nodes come and go.
 *
 * Whoever puts a record looks its owner up and sends it there; the owner passes it to those next to
 * it. Each node compares from time to time with those that should keep the same records. A get goes
 * to the owner, and from it on to the others, as long as nobody has it.
 */
import type { RecordScenario, Scenario } from "../scenario/scenario.ts";
import { NS_PER_S } from "./delay.ts";
import { draw, STREAM, streamKey, unit } from "./dice.ts";
import type { Directory } from "./directory.ts";
import { NONE } from "./event-slab.ts";
import { exactPower } from "./exact-math.ts";
import { bitCount, type HostSets } from "./host-sets.ts";
import { ABSENT, JOINED } from "./node-states.ts";
import { TICK, TYPE } from "./engine-types.ts";
import type { Outbox, Protocol } from "./protocol.ts";
import { RecordStore } from "./record-store.ts";
import { WHERE, type RecordsFound } from "./records-found.ts";
import type { SubnetLan } from "./subnet-lan.ts";
import { SubnetRecords } from "./subnet-records.ts";
import type { Subnets } from "./subnets.ts";

/** A get without an answer is tried again once. */
const GET_NS = 4 * NS_PER_S;
const GET_TRIES = 2;
/** What lookups are for, in the lowest bits of their tags; 0 is a query's. */
const PUT = 1;
const PUT_ELSEWHERE = 2;
const GET = 3;
/** Of a message that looks for a record: who wants it, and above it how many have been asked. */
const ORIGIN_BITS = 24;
const ORIGIN = 2 ** ORIGIN_BITS - 1;
/** Neighbours that a node goes through at most for those that are of different subnets. */
const NEIGHBOURS_MAX = 256;

export interface RecordDeskParts {
  readonly scenario: Scenario;
  readonly outbox: Pick<Outbox, "nowNs" | "send" | "after">;
  readonly protocol: Pick<Protocol, "lookup" | "neighbours">;
  readonly directory: Directory;
  readonly subnets: Subnets;
  /** Where a node has several. */
  readonly hosts: HostSets | undefined;
  /** Where there are host sets. */
  readonly lan: SubnetLan | undefined;
  /** Records that were stored in this window are added to it. */
  readonly stored: number[];
  /** Whether a node is of this partition; what follows is for such nodes only. */
  isOwn(node: number): boolean;
  stateOf(node: number): number;
}

interface OpenGet {
  readonly record: number;
  /** Of the node's hosts the one that wants it. */
  readonly host: number;
  readonly startNs: number;
  hops: number;
  choice: number;
  tries: number;
}

export class RecordDesk {
  readonly #parts: RecordDeskParts;
  readonly #scenario: RecordScenario;
  readonly #store: RecordStore;
  readonly #inside: SubnetRecords;
  readonly #key: number;
  readonly #popularity: Float64Array;
  readonly #neighbours: Int32Array;
  /** By record: under which of its keys it is, or NONE while no node of this partition has it. */
  readonly #choices: Int8Array;
  /** By record: whether it was stored by the end of the last window. */
  readonly #isStored: Uint8Array;
  /** By record: the owner of its first key, while that of its second is looked for. */
  readonly #firstOwners = new Map<number, number>();
  /** By node and number. */
  readonly #gets = new Map<number, Map<number, OpenGet>>();
  #nextPut = 0;
  /** Random numbers drawn so far, and gets, by node. */
  readonly #draws: Int32Array;
  readonly #counts: Int32Array;
  readonly #latenciesNs: number[] = [];
  #hops = 0;
  #failedGets = 0;
  /** The host that has the message at hand, of the node that it is for. */
  #here = 0;

  constructor(parts: RecordDeskParts) {
    this.#parts = parts;
    const { records, seed } = parts.scenario;
    this.#scenario = records;
    this.#key = streamKey(seed, STREAM.record);
    const liveOf = (subnet: number): number => this.#liveOf(subnet);
    this.#store = new RecordStore(records.copies, this.#key, parts.subnets, liveOf);
    this.#inside = new SubnetRecords(this.#store, parts.lan);
    this.#popularity = popularityOf(records);
    this.#neighbours = new Int32Array(NEIGHBOURS_MAX);
    this.#choices = new Int8Array(records.count).fill(NONE);
    this.#isStored = new Uint8Array(records.count);
    this.#draws = new Int32Array(parts.subnets.nodes);
    this.#counts = new Int32Array(parts.subnets.nodes);
  }

  /** When the next record is put; Infinity when all are. */
  get nextPutNs(): number {
    const { count, putAtS, putSpreadS } = this.#scenario;
    if (this.#nextPut >= count) return Infinity;
    return Math.floor((putAtS + (putSpreadS * this.#nextPut) / count) * NS_PER_S);
  }

  putNext(): void {
    const record = this.#nextPut++;
    const { directory, isOwn } = this.#parts;
    const node = directory.any(this.#key, record, 16);
    if (node !== NONE && isOwn(node)) this.#lookUp(node, record, 0, PUT, record);
  }

  /** A node is up. */
  begin(node: number): void {
    const { outbox } = this.#parts;
    const { repairS, getIntervalS } = this.#scenario;
    this.#gets.delete(node); // of before it went: nobody waits for them
    outbox.after(node, Math.floor(this.#drawn(node) * repairS * NS_PER_S), TICK.repair, 0);
    if (getIntervalS > 0) this.#expectGet(node);
  }

  /** Hosts of a subnet came or went. */
  onHosts(subnet: number): void {
    this.#inside.onHosts(subnet, this.#parts.subnets.firstOf(subnet));
  }

  onTimer(node: number, type: number, id: number): void {
    const { outbox } = this.#parts;
    const { repairS } = this.#scenario;
    if (type === TICK.repair) {
      this.#repair(node);
      outbox.after(node, repairS * NS_PER_S, TICK.repair, 0);
    } else if (id !== NONE) this.#onGetDue(node, id);
    else {
      this.#beginGet(node);
      this.#expectGet(node);
    }
  }

  #expectGet(node: number): void {
    const { outbox, subnets } = this.#parts;
    const meanNs = (this.#scenario.getIntervalS * NS_PER_S) / subnets.paceOf(node);
    outbox.after(node, Math.floor(2 * this.#drawn(node) * meanNs), TICK.get, NONE);
  }

  /** The end of a lookup of ours. @param owner NONE when nobody was found */
  onFound(node: number, tag: number, owner: number, hops: number): void {
    this.#here = this.#anyHost(node);
    const purpose = tag & 3;
    const id = tag >> 2;
    if (owner === NONE) return; // a get's timer tries again; a put is not acknowledged
    if (purpose === GET) this.#fetch(node, id, owner, hops);
    else if (purpose === PUT_ELSEWHERE) this.#placeWithLess(node, id, owner);
    else if (this.#scenario.placement === "two-choices") {
      this.#firstOwners.set(id, owner);
      this.#lookUp(node, id, 1, PUT_ELSEWHERE, id);
    } else this.#sendOrKeep(node, owner, id, 0);
  }

  onMessage(node: number, from: number, type: number, a: number, b: number, c: number): void {
    this.#here = this.#parts.hosts?.here ?? 0;
    if (type === TYPE.store) this.#onStore(node, a, b, c !== 0);
    else if (type === TYPE.repair) this.#inside.receive(node, this.#here, a);
    else if (type === TYPE.offer) this.#onOffer(node, from, a);
    else if (type === TYPE.want) this.#onWant(node, from, a);
    else if (type === TYPE.fetch) this.#onFetch(node, from, a, b, c);
    else if (type === TYPE.fetched) this.#onFetched(node, a, b !== 0, c);
  }

  /** A window has ended: all may ask for what was stored in it. @param records of all partitions */
  noteStored(records: readonly number[]): void {
    for (const record of records) this.#isStored[record] = 1;
  }

  found(): RecordsFound {
    const where = new Uint8Array(this.#scenario.count);
    for (const [record, isLiving] of this.#store.reachable())
      where[record] = isLiving ? WHERE.atLivingHost : WHERE.atAbsentHost;
    return {
      ...{ stored: this.#isStored, where, failedGets: this.#failedGets, hops: this.#hops },
      ...{ latenciesNs: Float64Array.from(this.#latenciesNs), innerCopies: this.#inside.copies },
      kept: this.#store.copiesByHost(),
    };
  }

  // Puts.

  #lookUp(node: number, record: number, choice: number, purpose: number, id: number): void {
    const high = draw(this.#key, record, 2 * choice);
    const low = draw(this.#key, record, 2 * choice + 1);
    this.#parts.protocol.lookup(node, high, low, (id << 2) | purpose);
  }

  /** Of both owners the one that keeps less a host; each is asked how much that is. */
  #placeWithLess(node: number, record: number, second: number): void {
    const { outbox } = this.#parts;
    const first = this.#firstOwners.get(record) ?? second;
    this.#firstOwners.delete(record);
    for (const owner of [first, second])
      if (owner !== node) outbox.send(node, owner, TYPE.weigh, record, 0, 0, NONE);
    const isSecond = this.#loadOf(second) < this.#loadOf(first);
    this.#sendOrKeep(node, isSecond ? second : first, record, isSecond ? 1 : 0);
  }

  #loadOf(node: number): number {
    const subnet = this.#parts.subnets.subnetOf(node);
    return this.#store.countOf(subnet) / Math.max(1, bitCount(this.#liveOf(subnet)));
  }

  #sendOrKeep(node: number, owner: number, record: number, choice: number): void {
    if (owner === node) this.#onStore(node, record, choice, true);
    else this.#parts.outbox.send(node, owner, TYPE.store, record, choice, 1, NONE);
  }

  #onStore(node: number, record: number, choice: number, isOwner: boolean): void {
    this.#inside.receive(node, this.#here, record);
    if (this.#choices[record] === NONE) this.#parts.stored.push(record);
    this.#choices[record] = choice;
    if (!isOwner) return;
    const { outbox } = this.#parts;
    for (const other of this.#keepersOf(node, record))
      if (other !== node) outbox.send(node, other, TYPE.store, record, choice, 0, NONE);
  }

  // Repair.

  #repair(node: number): void {
    const { outbox } = this.#parts;
    for (const record of this.#store.recordsOf(node)) {
      if (!this.#store.has(node, record)) continue;
      const keepers = this.#keepersOf(node, record);
      const isOwn = keepers.includes(node);
      if (isOwn) this.#store.confirm(node, record);
      else if (this.#store.giveUp(node, record)) continue;
      for (const other of keepers)
        if (other !== node) outbox.send(node, other, TYPE.offer, record, 0, 0, NONE);
    }
  }

  #onOffer(node: number, from: number, record: number): void {
    if (this.#store.has(node, record)) this.#store.adopt(node, record);
    else this.#parts.outbox.send(node, from, TYPE.want, record, 0, 0, NONE);
  }

  #onWant(node: number, from: number, record: number): void {
    if (!this.#store.has(node, record)) return;
    this.#inside.find(node, this.#here, record, (isThere) => {
      if (isThere) this.#parts.outbox.send(node, from, TYPE.repair, record, 0, 0, NONE);
    });
  }

  // Gets.

  #beginGet(node: number): void {
    const { putAtS, putSpreadS } = this.#scenario;
    const { outbox } = this.#parts;
    const isEarly = outbox.nowNs < (putAtS + putSpreadS + 10) * NS_PER_S;
    if (isEarly || this.#parts.stateOf(node) !== JOINED) return;
    const record = this.#popular(this.#drawn(node));
    if (this.#isStored[record] === 0) return;
    const id = this.#counts[node]!++;
    const open = this.#gets.get(node) ?? new Map<number, OpenGet>();
    const get = { record, host: this.#anyHost(node), startNs: outbox.nowNs };
    this.#gets.set(node, open.set(id, { ...get, choice: 0, tries: 1, hops: 0 }));
    outbox.after(node, GET_NS, TICK.get, id);
    this.#lookUp(node, record, 0, GET, id);
  }

  #onGetDue(node: number, id: number): void {
    const open = this.#getOf(node, id);
    if (open === undefined) return;
    if (open.tries >= GET_TRIES) {
      this.#gets.get(node)?.delete(id);
      this.#failedGets++;
      return;
    }
    open.tries++;
    this.#parts.outbox.after(node, GET_NS, TICK.get, id);
    this.#lookUp(node, open.record, open.choice, GET, id);
  }

  #fetch(node: number, id: number, owner: number, hops: number): void {
    const open = this.#getOf(node, id);
    if (open === undefined) return;
    open.hops += hops + (owner === node ? 0 : 1);
    this.#here = open.host;
    if (owner === node) this.#onFetch(node, node, id, open.record, node);
    else this.#parts.outbox.send(node, owner, TYPE.fetch, id, open.record, node, NONE);
  }

  #onFetch(node: number, from: number, id: number, record: number, where: number): void {
    const origin = where & ORIGIN;
    const asked = where >>> ORIGIN_BITS;
    this.#inside.find(node, this.#here, record, (isThere) => {
      if (isThere) return this.#answer(node, origin, id, true, asked);
      const others = this.#keepersOf(node, record).filter((one) => one !== node && one !== from);
      const next = others[asked];
      if (next === undefined || asked + 1 >= this.#scenario.replicas)
        return this.#answer(node, origin, id, false, asked);
      const rest = ((asked + 1) << ORIGIN_BITS) | origin;
      this.#parts.outbox.send(node, next, TYPE.fetch, id, record, rest, NONE);
    });
  }

  #answer(node: number, origin: number, id: number, isThere: boolean, asked: number): void {
    if (node === origin) this.#onFetched(node, id, isThere, asked);
    else this.#parts.outbox.send(node, origin, TYPE.fetched, id, isThere ? 1 : 0, asked, NONE);
  }

  #onFetched(node: number, id: number, isThere: boolean, asked: number): void {
    const open = this.#getOf(node, id);
    if (open === undefined) return;
    open.hops += asked;
    if (isThere) {
      this.#gets.get(node)?.delete(id);
      this.#latenciesNs.push(this.#parts.outbox.nowNs - open.startNs);
      this.#hops += open.hops;
      return;
    }
    const hasOther = this.#scenario.placement === "two-choices" && open.choice === 0;
    if (!hasOther) return; // the timer tries once more
    open.choice = 1;
    this.#lookUp(node, open.record, 1, GET, id);
  }

  /** Undefined when it has ended, or its node went meanwhile. */
  #getOf(node: number, id: number): OpenGet | undefined {
    return this.#gets.get(node)?.get(id);
  }

  // What both need.

  /**
   * Nodes that should keep a record, as far as a node knows: of each subnet the one that is first.
   *
   * Who is known is known with its host set, and so as one of its subnet.
   */
  #keepersOf(node: number, record: number): readonly number[] {
    const choice = Math.max(0, this.#choices[record]!);
    const high = draw(this.#key, record, 2 * choice);
    const low = draw(this.#key, record, 2 * choice + 1);
    const { replicas } = this.#scenario;
    const { protocol, subnets } = this.#parts;
    for (let wanted = replicas; ; wanted = Math.min(2 * wanted, NEIGHBOURS_MAX)) {
      const found = protocol.neighbours(node, high, low, wanted, this.#neighbours);
      const keepers = subnets.oneEach(this.#neighbours.subarray(0, found));
      const isAll = found < wanted || wanted === NEIGHBOURS_MAX;
      if (keepers.length >= replicas || isAll) return keepers.slice(0, replicas);
    }
  }

  #liveOf(subnet: number): number {
    const { hosts, subnets, isOwn, stateOf } = this.#parts;
    const node = subnets.firstOf(subnet);
    if (!isOwn(node) || stateOf(node) === ABSENT) return 0;
    return hosts === undefined ? 1 : hosts.live[subnet]!;
  }

  /** A living one, for what a node does of its own accord. */
  #anyHost(node: number): number {
    return this.#parts.hosts?.choose(node, this.#drawn(node)) ?? 0;
  }

  #popular(probability: number): number {
    let low = 0;
    let high = this.#popularity.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#popularity[middle]! < probability) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #drawn(node: number): number {
    return unit(this.#key, node, 32 + this.#draws[node]!++);
  }
}

/** Cumulated shares of gets, the most popular first. */
function popularityOf({ count, zipf }: RecordScenario): Float64Array {
  const shares = new Float64Array(count);
  let sum = 0;
  for (let i = 0; i < count; i++) shares[i] = sum += exactPower(i + 1, -zipf);
  return shares.map((share) => share / sum);
}
