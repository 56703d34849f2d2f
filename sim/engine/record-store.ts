/** Which hosts of which nodes keep which records. What a host keeps stays on its disk while it is gone. */
import { draw } from "./dice.ts";
import { bitCount } from "./host-sets.ts";

/** Above the bits of the hosts: the node should not keep the record any more. */
const SURPLUS = 1 << 16;
const HOSTS = 0xffff;

export class RecordStore {
  readonly #kept = new Map<number, Map<number, number>>();
  readonly #copies: number;
  readonly #key: number;
  readonly #liveOf: (node: number) => number;

  /**
   * @param copies hosts of a node that keep a record
   * @param key    of a stream of `dice.ts`
   * @param liveOf hosts of a node that live, as bits
   */
  constructor(copies: number, key: number, liveOf: (node: number) => number) {
    this.#copies = copies;
    this.#key = key;
    this.#liveOf = liveOf;
  }

  recordsOf(node: number): readonly number[] {
    return [...(this.#kept.get(node)?.keys() ?? [])];
  }

  /** Records a node keeps. */
  countOf(node: number): number {
    return this.#kept.get(node)?.size ?? 0;
  }

  /** Whether a living host of the node has it. */
  has(node: number, record: number): boolean {
    return (this.#maskOf(node, record) & this.#liveOf(node)) !== 0;
  }

  /** Places it with the hosts that rank highest for it (rendezvous hashing). */
  keep(node: number, record: number): void {
    const records = this.#kept.get(node) ?? new Map<number, number>();
    this.#kept.set(node, records);
    records.set(record, (records.get(record) ?? 0) | this.#place(record, this.#liveOf(node)));
  }

  /** After hosts came or went: records are copied until enough hosts have them. @returns how many */
  copyInside(node: number): number {
    const live = this.#liveOf(node);
    let copied = 0;
    for (const [record, mask] of this.#kept.get(node) ?? []) {
      const there = bitCount(mask & live & HOSTS);
      if (there === 0 || there >= Math.min(this.#copies, bitCount(live))) continue;
      const placed = mask | this.#place(record, live);
      copied += bitCount(placed & HOSTS) - bitCount(mask & HOSTS);
      this.#kept.get(node)!.set(record, placed);
    }
    return copied;
  }

  /** Notes that others should keep it. @returns whether that was noted before, and it is gone now */
  giveUp(node: number, record: number): boolean {
    const mask = this.#maskOf(node, record);
    if ((mask & SURPLUS) === 0) {
      this.#kept.get(node)!.set(record, mask | SURPLUS);
      return false;
    }
    this.#kept.get(node)!.delete(record);
    return true;
  }

  /** It is the node's to keep. */
  confirm(node: number, record: number): void {
    const mask = this.#maskOf(node, record);
    if ((mask & SURPLUS) !== 0) this.#kept.get(node)!.set(record, mask & ~SURPLUS);
  }

  /** Of every record that somebody keeps: whether a living host does. */
  reachable(): Map<number, boolean> {
    const found = new Map<number, boolean>();
    for (const [node, records] of this.#kept)
      for (const record of records.keys())
        found.set(record, found.get(record) === true || this.has(node, record));
    return found;
  }

  /** Copies at each living host of these nodes. */
  copiesByHost(nodes: Iterable<number>): Float64Array {
    const counts: number[] = [];
    for (const node of nodes) {
      const records = this.#kept.get(node);
      for (let live = this.#liveOf(node); live !== 0; live &= live - 1) {
        const host = live & -live;
        let count = 0;
        for (const mask of records?.values() ?? []) if ((mask & host) !== 0) count++;
        counts.push(count);
      }
    }
    return Float64Array.from(counts);
  }

  #maskOf(node: number, record: number): number {
    return this.#kept.get(node)?.get(record) ?? 0;
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
