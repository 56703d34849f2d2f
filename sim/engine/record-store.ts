/**
 * Which hosts of which subnets keep which records. What a host keeps stays on its disk while it is gone.
 *
 * A subnet keeps a record once, whichever of its nodes was told to: that node looks after it.
 */
import { draw } from "./dice.ts";
import { bitCount } from "./host-sets.ts";
import type { Subnets } from "./subnets.ts";

/** Above the bits of the hosts: the subnet should not keep the record any more. */
const SURPLUS = 1 << 16;
const HOSTS = 0xffff;
/** Above both: which of the subnet's nodes looks after the record. */
const NODE_SHIFT = 17;

export class RecordStore {
  readonly #kept = new Map<number, Map<number, number>>();
  readonly #copies: number;
  readonly #key: number;
  readonly #subnets: Subnets;
  readonly #liveOf: (subnet: number) => number;

  /**
   * @param copies hosts of a subnet that keep a record
   * @param key    of a stream of `dice.ts`
   * @param liveOf hosts of a subnet that live, as bits
   */
  constructor(copies: number, key: number, subnets: Subnets, liveOf: (subnet: number) => number) {
    this.#copies = copies;
    this.#key = key;
    this.#subnets = subnets;
    this.#liveOf = liveOf;
  }

  /** Records that a node looks after. */
  recordsOf(node: number): readonly number[] {
    const subnet = this.#subnets.subnetOf(node);
    const records = this.#kept.get(subnet);
    if (records === undefined) return [];
    if (this.#subnets.areNodes) return [...records.keys()];
    const place = node - this.#subnets.firstOf(subnet);
    return [...records]
      .filter(([, mask]) => mask >>> NODE_SHIFT === place)
      .map(([record]) => record);
  }

  /** Records that a subnet keeps. */
  countOf(subnet: number): number {
    return this.#kept.get(subnet)?.size ?? 0;
  }

  /** Whether a living host of the node has it. */
  has(node: number, record: number): boolean {
    return this.hostsOf(node, record) !== 0;
  }

  /** Living hosts of the node that have it. */
  hostsOf(node: number, record: number): number {
    const subnet = this.#subnets.subnetOf(node);
    return this.#maskOf(subnet, record) & this.#liveOf(subnet) & HOSTS;
  }

  /** Hosts that are to have it: those that rank highest for it (rendezvous hashing). */
  placeOf(node: number, record: number): number {
    return this.#place(record, this.#liveOf(this.#subnets.subnetOf(node)));
  }

  /** Hosts have it from now on, of these whoever lives, and the node looks after it. */
  keep(node: number, record: number, hosts = this.placeOf(node, record)): void {
    const subnet = this.#subnets.subnetOf(node);
    const there = this.#maskOf(subnet, record) & (HOSTS | SURPLUS);
    const living = hosts & this.#liveOf(subnet);
    if ((there | living) === 0) return;
    const records = this.#kept.get(subnet) ?? new Map<number, number>();
    this.#kept.set(subnet, records);
    const place = (node - this.#subnets.firstOf(subnet)) << NODE_SHIFT;
    records.set(record, place | there | living);
  }

  /** More hosts have it, of these whoever lives, if the subnet still keeps it. */
  copy(subnet: number, record: number, hosts: number): void {
    const mask = this.#kept.get(subnet)?.get(record);
    if (mask === undefined) return;
    this.#kept.get(subnet)!.set(record, mask | (hosts & this.#liveOf(subnet)));
  }

  /** What its subnet keeps already is this node's to look after, should another one have done so. */
  adopt(node: number, record: number): void {
    const subnet = this.#subnets.subnetOf(node);
    const mask = this.#maskOf(subnet, record);
    const place = node - this.#subnets.firstOf(subnet);
    if (mask >>> NODE_SHIFT === place) return;
    this.#kept.get(subnet)!.set(record, (place << NODE_SHIFT) | (mask & HOSTS));
  }

  /** Records that too few hosts have, and the hosts that are to have them too. */
  missing(subnet: number): readonly (readonly [record: number, hosts: number])[] {
    const live = this.#liveOf(subnet);
    const found: [number, number][] = [];
    for (const [record, mask] of this.#kept.get(subnet) ?? []) {
      const there = bitCount(mask & live & HOSTS);
      if (there === 0 || there >= Math.min(this.#copies, bitCount(live))) continue;
      found.push([record, this.#place(record, live) & ~mask]);
    }
    return found;
  }

  /** Notes that others should keep it. @returns whether that was noted before, and it is gone now */
  giveUp(node: number, record: number): boolean {
    const subnet = this.#subnets.subnetOf(node);
    const mask = this.#maskOf(subnet, record);
    if ((mask & SURPLUS) === 0) {
      this.#kept.get(subnet)!.set(record, mask | SURPLUS);
      return false;
    }
    this.#kept.get(subnet)!.delete(record);
    return true;
  }

  /** It is the node's to keep. */
  confirm(node: number, record: number): void {
    const subnet = this.#subnets.subnetOf(node);
    const mask = this.#maskOf(subnet, record);
    if ((mask & SURPLUS) !== 0) this.#kept.get(subnet)!.set(record, mask & ~SURPLUS);
  }

  /** Of every record that somebody keeps: whether a living host does. */
  reachable(): Map<number, boolean> {
    const found = new Map<number, boolean>();
    for (const [subnet, records] of this.#kept)
      for (const [record, mask] of records)
        found.set(record, found.get(record) === true || (mask & this.#liveOf(subnet)) !== 0);
    return found;
  }

  /** Copies at each living host. */
  copiesByHost(): Float64Array {
    const counts: number[] = [];
    for (let subnet = 0; subnet < this.#subnets.count; subnet++) {
      const records = this.#kept.get(subnet);
      for (let live = this.#liveOf(subnet); live !== 0; live &= live - 1) {
        const host = live & -live;
        let count = 0;
        for (const mask of records?.values() ?? []) if ((mask & host) !== 0) count++;
        counts.push(count);
      }
    }
    return Float64Array.from(counts);
  }

  #maskOf(subnet: number, record: number): number {
    return this.#kept.get(subnet)?.get(record) ?? 0;
  }

  #place(record: number, live: number): number {
    const hosts: number[] = [];
    for (let host = 0; host < 16; host++) if (((live >>> host) & 1) === 1) hosts.push(host);
    // Counters under 0, since those from 0 on make the record's keys: a node has records of like keys.
    const weight = (host: number): number => draw(this.#key, record, ~host);
    hosts.sort((a, b) => weight(b) - weight(a));
    return hosts.slice(0, this.#copies).reduce((mask, host) => mask | (1 << host), 0);
  }
}
