/** Sends messages: counts them, asks the network how long each takes, and queues it. */
import { LOST } from "./delay.ts";
import { COLUMN, type EventSlab, NONE, ROW } from "./event-slab.ts";
import type { HostSets } from "./host-sets.ts";
import type { Lists } from "./lists.ts";
import type { NodeStates } from "./node-states.ts";
import { TYPE } from "./engine-types.ts";
import type { Probes } from "./probes.ts";
import type { Delays } from "./subnets.ts";
import { CONTACT_BYTES, HEADER_BYTES, ID_BYTES, TIMER } from "./protocol.ts";
import type { TimingWheel } from "./timing-wheel.ts";

/** Contents of the engine's own messages; a query carries 100 bytes (OverSim's test application). */
const ENGINE_BYTES = [
  [TYPE.ask, 0],
  [TYPE.contact, CONTACT_BYTES],
  [TYPE.register, CONTACT_BYTES],
  [TYPE.deliver, ID_BYTES + 100],
  [TYPE.hostSet, CONTACT_BYTES],
  [TYPE.offer, ID_BYTES],
  [TYPE.want, ID_BYTES],
  [TYPE.fetch, ID_BYTES + CONTACT_BYTES],
  [TYPE.weigh, ID_BYTES],
] as const;

/** @param at where the row of the message begins; its `list` is one of `lists`, or NONE */
export type Mail = (timeNs: number, words: Int32Array, at: number, lists: Lists) => void;

export interface PostParts {
  readonly slab: EventSlab;
  readonly wheel: TimingWheel;
  readonly lists: Lists;
  readonly nodes: NodeStates;
  readonly probes: Probes;
  readonly network: Delays;
  /** Where a node has several hosts. */
  readonly hosts: HostSets | undefined;
  /** For nodes of other partitions. */
  readonly mail: Mail | undefined;
  /** Of a record's contents. */
  readonly recordBytes: number;
  /** Nodes of all partitions; the handles that follow are the servers'. */
  readonly size: number;
  readonly servers: number;
  readonly index: number;
  readonly shift: number;
}

export class Post {
  readonly #parts: PostParts;
  readonly #mask: number;
  readonly #bytes = new Float64Array(TIMER).fill(HEADER_BYTES);
  readonly #serverSent: Int32Array;

  constructor(parts: PostParts) {
    this.#parts = parts;
    this.#mask = (1 << parts.shift) - 1;
    this.#serverSent = new Int32Array(parts.servers);
    this.learnBytes(new Map(ENGINE_BYTES));
    for (const type of [TYPE.store, TYPE.repair, TYPE.fetched])
      this.#bytes[type] = HEADER_BYTES + ID_BYTES + parts.recordBytes;
  }

  /** @param typeBytes contents of messages by type, without lists and headers */
  learnBytes(typeBytes: ReadonlyMap<number, number>): void {
    for (const [type, bytes] of typeBytes) this.#bytes[type] = HEADER_BYTES + bytes;
  }

  /** Of a message that names no nodes. */
  bytesOf(type: number): number {
    return this.#bytes[type]!;
  }

  /**
   * Sends, unless the network loses it.
   *
   * @param extraNs how much later than now
   * @param tried   hosts of the receiver that are not to have it, as bits
   * @returns       the word of `HostSets`; NONE when there is no host left to send it to
   */
  send(
    nowNs: number,
    from: number,
    to: number,
    type: number,
    call: number,
    serial: number,
    a: number,
    b: number,
    c: number,
    list: number,
    extraNs: number,
    tried = 0,
  ): number {
    const { slab, lists, nodes, probes, network, size, index, shift } = this.#parts;
    const length = list === NONE ? 0 : lists.words[list * lists.width]!;
    const bytes = this.#bytes[type]! + length * CONTACT_BYTES;
    if (network.isLan(from, to)) probes.sentInside(type, bytes);
    else probes.sent(type, bytes);
    const sequence = from < size ? nodes.sent[from >> shift]!++ : this.#serverSent[from - size]!++;
    const hosts = this.#hostsOf(from, to, sequence, tried, list);
    const delayNs = network.delayNs(from, to, sequence, nowNs);
    if (delayNs === LOST || hosts === NONE) {
      if (list !== NONE) lists.release(list);
      return hosts;
    }
    const event = slab.take();
    slab.times[event] = nowNs + extraNs + delayNs;
    const { words } = slab;
    const at = event * ROW;
    words[at + COLUMN.to] = to;
    words[at + COLUMN.from] = from;
    words[at + COLUMN.sequence] = sequence;
    words[at + COLUMN.type] = type;
    words[at + COLUMN.call] = call;
    words[at + COLUMN.serial] = serial;
    words[at + COLUMN.a] = a;
    words[at + COLUMN.b] = b;
    words[at + COLUMN.c] = c;
    words[at + COLUMN.list] = list;
    words[at + COLUMN.hosts] = hosts;
    if ((to & this.#mask) === index) this.#parts.wheel.push(event);
    else this.#mail(event);
    return hosts;
  }

  /** The word of a message between nodes of several hosts, whose list says then what it knows of each. */
  #hostsOf(from: number, to: number, sequence: number, tried: number, list: number): number {
    const { hosts, lists, size } = this.#parts;
    if (hosts === undefined || from >= size || to >= size) return 0;
    if (list !== NONE) hosts.describe(from, lists, list);
    return hosts.address(from, to, sequence, tried);
  }

  #mail(event: number): void {
    const { slab, lists, mail } = this.#parts;
    const { words, times } = slab;
    const list = words[event * ROW + COLUMN.list]!;
    mail!(times[event]!, words, event * ROW, lists);
    if (list !== NONE) lists.release(list);
    slab.release(event);
  }
}
