/**
 * The nodes of one thread and their events: the loop of the simulation.
 *
 * `run` works off everything before a time. What a node says to a node of another partition goes to
 * `mail`; it arrives after the end of the window, since no message is faster than a window is long.
 */
import type { Scenario } from "../scenario/scenario.ts";
import type { Adversary } from "./adversary.ts";
import { strict as assert } from "node:assert";
import { CallDesk } from "./call-desk.ts";
import { NS_PER_MS } from "./delay.ts";
import { draw, STREAM, streamKey } from "./dice.ts";
import { COLUMN, EventSlab, NONE, ROW } from "./event-slab.ts";
import { HostSets } from "./host-sets.ts";
import { Lists } from "./lists.ts";
import { ABSENT, NodeStates } from "./node-states.ts";
import { isOfAbsent, TICK, TYPE } from "./engine-types.ts";
import { Population } from "./population.ts";
import { Post, type Mail } from "./post.ts";
import { Probes } from "./probes.ts";
import {
  ANSWER,
  PROTOCOL_TYPE,
  TIMER,
  type NodeIds,
  type Outbox,
  type Protocol,
} from "./protocol.ts";
import { Queries } from "./queries.ts";
import type { ScriptStep } from "./script.ts";
import { RecordDesk } from "./record-desk.ts";
import { SubnetLan } from "./subnet-lan.ts";
import { TimingWheel } from "./timing-wheel.ts";
import { foldList, type Trace, TraceHash } from "./trace-hash.ts";
import type { Directory } from "./directory.ts";
import type { Delays, Subnets } from "./subnets.ts";

export interface PartitionParts {
  readonly scenario: Scenario;
  readonly ids: NodeIds;
  readonly network: Delays;
  readonly subnets: Subnets;
  /** Frozen while a window runs. */
  readonly directory: Directory;
  /** When nodes arrive, by handle. */
  readonly arrivals: Float64Array;
  /** Undefined when everybody is honest. */
  readonly adversary: Adversary | undefined;
  readonly script: readonly ScriptStep[];
  /** Longest list of the protocol. */
  readonly listMax: number;
  /** Which of how many; the number is a power of two. */
  readonly index: number;
  readonly count: number;
  readonly samples: number;
  readonly createProtocol: (outbox: Outbox, rows: number, shift: number) => Protocol;
  readonly trace: Trace | undefined;
  /** Takes a message to a node of another partition; what it is given is valid until it returns. */
  readonly mail: Mail | undefined;
}

export class Partition implements Outbox {
  nowNs = 0;
  readonly lists: Lists;
  readonly protocol: Protocol;
  readonly nodes: NodeStates;
  readonly probes: Probes;
  readonly hash = new TraceHash();
  readonly records: RecordDesk | undefined;
  /** Nodes that joined, and as `~node` those that went, since the directory was brought up to date. */
  readonly changes: number[] = [];
  /** Records that were stored since then. */
  readonly stored: number[] = [];
  readonly #parts: PartitionParts;
  readonly #slab = new EventSlab();
  readonly #wheel = new TimingWheel(this.#slab);
  readonly #calls: CallDesk;
  readonly #hosts: HostSets | undefined;
  readonly #lan: SubnetLan | undefined;
  readonly #queries: Queries;
  readonly #population: Population;
  readonly #shift: number;
  readonly #mask: number;
  readonly #size: number;
  readonly #coreKey: number;
  readonly #post: Post;
  /** Handle of the next of this partition's nodes to arrive. */
  #nextArrival: number;
  #nextScript = 0;
  /** The request at hand. */
  #call = NONE;
  #serial = 0;
  #from = NONE;
  #type = 0;

  constructor(parts: PartitionParts) {
    this.#parts = parts;
    const { scenario, index, count, ids, createProtocol, listMax, samples, subnets } = parts;
    this.#shift = 31 - Math.clz32(count);
    this.#mask = count - 1;
    this.#size = ids.high.length;
    const rows = ((this.#size - 1 - index) >> this.#shift) + 1;
    this.nodes = new NodeStates(rows);
    const { perSubnet, staggerMs } = scenario.hosts;
    assert(perSubnet === 1 || count === 1, "subnets of several hosts need one thread");
    this.#hosts = perSubnet === 1 ? undefined : new HostSets(subnets, scenario.seed);
    this.lists = new Lists(listMax, perSubnet > 1);
    this.probes = new Probes(samples);
    this.#coreKey = streamKey(scenario.seed, STREAM.core);
    const { network, mail } = parts;
    this.#post = new Post({
      ...{ slab: this.#slab, wheel: this.#wheel, lists: this.lists, probes: this.probes },
      ...{ nodes: this.nodes, network, mail, size: this.#size, servers: scenario.server.count },
      ...{ index, shift: this.#shift, hosts: this.#hosts, recordBytes: scenario.records.bytes },
    });
    this.#nextArrival = index;
    this.protocol = createProtocol(this, rows, this.#shift);
    this.#calls = new CallDesk({
      ...{ post: this.#post, nodes: this.nodes, shift: this.#shift, protocol: this.protocol },
      ...{ probes: this.probes, hash: this.hash, hosts: this.#hosts },
      staggerNs: staggerMs * NS_PER_MS,
    });
    this.#queries = new Queries({
      ...{ scenario, ids, nodes: this.nodes, shift: this.#shift, outbox: this },
      ...{ protocol: this.protocol, directory: parts.directory, probes: this.probes },
      ...{ adversary: parts.adversary, subnets },
    });
    this.#post.learnBytes(this.protocol.typeBytes);
    if (this.#hosts !== undefined)
      this.#lan = new SubnetLan({
        ...{ hosts: this.#hosts, network, probes: this.probes, outbox: this, post: this.#post },
        ...{ subnets, questionNs: scenario.hosts.questionMs * NS_PER_MS },
      });
    if (scenario.records.count > 0)
      this.records = new RecordDesk({
        ...{ scenario, outbox: this, protocol: this.protocol, directory: parts.directory },
        ...{ hosts: this.#hosts, lan: this.#lan, stateOf: (node) => this.stateOf(node) },
        ...{ isOwn: (node) => (node & this.#mask) === index, stored: this.stored, subnets },
      });
    this.#population = new Population({
      ...{ scenario, index, shift: this.#shift, size: this.#size, nodes: this.nodes },
      ...{ protocol: this.protocol, desk: this, hosts: this.#hosts, lan: this.#lan },
      ...{ adversary: parts.adversary, subnets },
    });
  }

  /** Messages handled: by each node, or by each host where a node has several. */
  loads(): Float64Array {
    const { handled, epochs } = this.nodes;
    if (this.#hosts !== undefined) return this.#hosts.loads();
    return Float64Array.from(handled).filter((_, row) => epochs[row]! > 0);
  }

  /** Of a row of this partition. */
  handleOf(row: number): number {
    return (row << this.#shift) + this.#parts.index;
  }

  /** Queries that arrived in this window: node and both halves of the key, one after the other. */
  get deliveries(): number[] {
    return this.#queries.deliveries;
  }

  stateOf(node: number): number {
    return this.nodes.states[node >> this.#shift]!;
  }

  /** Works off all that happens before a time. */
  run(untilNs: number): void {
    const { arrivals, script } = this.#parts;
    for (;;) {
      const arriveNs = this.#nextArrival < this.#size ? arrivals[this.#nextArrival]! : Infinity;
      const scriptNs =
        this.#nextScript < script.length ? script[this.#nextScript]!.timeNs : Infinity;
      const callNs = this.#calls.nextNs;
      const putNs = this.records?.nextPutNs ?? Infinity;
      const firstNs = Math.min(arriveNs, scriptNs, callNs, putNs, untilNs);
      const event = this.#wheel.pop(firstNs);
      if (event !== NONE) this.#handle(event);
      else if (firstNs >= untilNs) return;
      else if (arriveNs === firstNs) this.#arriveNext(arriveNs);
      else if (scriptNs === firstNs) this.#runNextStep(scriptNs);
      else if (callNs === firstNs) {
        this.nowNs = callNs;
        this.#calls.runDue(callNs);
      } else {
        this.nowNs = putNs;
        this.records!.putNext();
      }
    }
  }

  /** Takes a message of another partition: its row, and behind it its list with its length in front. */
  accept(timeNs: number, words: Int32Array, at: number): void {
    const event = this.#slab.take();
    this.#slab.times[event] = timeNs;
    const own = this.#slab.words;
    for (let i = 0; i < ROW; i++) own[event * ROW + i] = words[at + i]!;
    const hasList = words[at + COLUMN.list] !== NONE;
    own[event * ROW + COLUMN.list] = hasList ? this.lists.copy(words, at + ROW) : NONE;
    this.#wheel.push(event);
  }

  send(
    from: number,
    to: number,
    type: number,
    a: number,
    b: number,
    c: number,
    list: number,
  ): void {
    this.#post.send(this.nowNs, from, to, type, NONE, 0, a, b, c, list, 0);
  }

  request(
    from: number,
    to: number,
    type: number,
    a: number,
    b: number,
    c: number,
    list: number,
    context: number,
  ): void {
    this.#calls.request(this.nowNs, from, to, type, a, b, c, list, context);
  }

  answer(from: number, a: number, b: number, c: number, list: number): void {
    const type = this.#type | ANSWER;
    this.#post.send(this.nowNs, from, this.#from, type, this.#call, this.#serial, a, b, c, list, 0);
  }

  after(node: number, delayNs: number, type: number, a: number): void {
    const row = node >> this.#shift;
    const event = this.#slab.take();
    this.#slab.times[event] = this.nowNs + delayNs;
    const { words } = this.#slab;
    const at = event * ROW;
    words[at + COLUMN.to] = node;
    words[at + COLUMN.from] = node;
    words[at + COLUMN.sequence] = this.nodes.sent[row]!++;
    words[at + COLUMN.type] = type | TIMER;
    words[at + COLUMN.call] = NONE;
    words[at + COLUMN.a] = a;
    words[at + COLUMN.b] = this.nodes.epochs[row]!;
    words[at + COLUMN.c] = 0;
    words[at + COLUMN.list] = NONE;
    this.#wheel.push(event);
  }

  random(node: number): number {
    return draw(this.#coreKey, node, this.nodes.drawn[node >> this.#shift]!++);
  }

  joined(node: number): void {
    this.#population.joined(node);
  }

  joinFailed(node: number): void {
    this.#population.joinFailed(node);
  }

  reply(server: number, to: number, contact: number, attempt: number, tookNs: number): void {
    this.#post.send(
      this.nowNs,
      server,
      to,
      TYPE.contact,
      NONE,
      0,
      contact,
      attempt,
      0,
      NONE,
      tookNs,
    );
  }

  begin(node: number): void {
    this.probes.events++;
    this.hash.add(this.nowNs, node, node, 0, 0, 0, 0, 0);
    this.#queries.expect(node);
    this.records?.begin(node);
  }

  onHosts(subnet: number): void {
    this.records?.onHosts(subnet);
  }

  found(
    node: number,
    tag: number,
    keyHigh: number,
    keyLow: number,
    owner: number,
    hops: number,
    startNs: number,
  ): void {
    if (tag !== 0) {
      this.records?.onFound(node, tag, owner, hops);
      return;
    }
    if (owner === NONE) return; // the query is lost
    const nowNs = this.nowNs;
    const startUs = Math.floor(startNs / 1000) | 0;
    const { deliver } = TYPE;
    if (owner === node) this.#queries.deliver(node, keyHigh, keyLow, hops, startUs);
    else
      this.#post.send(nowNs, node, owner, deliver, 0, startUs, keyHigh, keyLow, hops + 1, NONE, 0);
  }

  #handle(event: number): void {
    const { words, times } = this.#slab;
    const at = event * ROW;
    const timeNs = times[event]!;
    const to = words[at + COLUMN.to]!;
    const from = words[at + COLUMN.from]!;
    const type = words[at + COLUMN.type]!;
    const call = words[at + COLUMN.call]!;
    const serial = words[at + COLUMN.serial]!;
    const a = words[at + COLUMN.a]!;
    const b = words[at + COLUMN.b]!;
    const c = words[at + COLUMN.c]!;
    const list = words[at + COLUMN.list]!;
    const hosts = words[at + COLUMN.hosts]!;
    this.#slab.release(event);
    this.nowNs = timeNs;
    this.probes.events++;
    const { lists } = this;
    const fold = list === NONE ? 0 : foldList(lists.words, list * lists.width);
    this.hash.add(timeNs, to, from, type, a, b, c, fold);
    if (this.#parts.trace !== undefined) this.#parts.trace(timeNs, to, from, type, a, b, c);
    if (to >= this.#size) this.#population.serve(to, from, type, a);
    else if (this.#hosts !== undefined && !this.#isHeard(to, from, type, hosts, list)) {
      // The host that it was for is gone.
    } else if (this.nodes.states[to >> this.#shift] !== ABSENT) {
      if (type >= TIMER) this.#tick(to, type, a, b);
      else if (type < PROTOCOL_TYPE) this.#receive(to, from, type, serial, a, b, c);
      else if ((type & ANSWER) !== 0)
        this.#calls.answered(to, from, type, call, serial, a, b, c, list);
      else {
        this.nodes.handled[to >> this.#shift]!++;
        this.#call = call;
        this.#serial = serial;
        this.#from = from;
        this.#type = type;
        this.protocol.onMessage(to, from, type, a, b, c, list);
      }
    } else if (isOfAbsent(type)) this.#tick(to, type, a, b);
    if (list !== NONE) lists.release(list);
  }

  /** Whether a message comes to a living host; if so, what it says of hosts is learned. */
  #isHeard(to: number, from: number, type: number, word: number, list: number): boolean {
    const hosts = this.#hosts!;
    if (type >= TIMER || from >= this.#size) return true;
    if (!hosts.isHeard(to, word, (type & ANSWER) !== 0)) return false;
    hosts.learn(to, from, word, this.lists, list);
    hosts.noteHandled(to, word);
    return true;
  }

  #tick(node: number, type: number, a: number, epoch: number): void {
    if (type < TICK.hostLeave || type >= TIMER + PROTOCOL_TYPE) {
      if (epoch !== this.nodes.epochs[node >> this.#shift]) return;
    }
    if (type >= TIMER + PROTOCOL_TYPE) this.protocol.onTimer(node, type & ~TIMER, a);
    else if (type === TICK.query) this.#queries.fire(node);
    else if (type === TICK.inside) this.#lan?.onTimer(node, a);
    else if (type === TICK.repair || type === TICK.get) this.records?.onTimer(node, type, a);
    else this.#population.onTimer(node, type, a);
  }

  #receive(
    node: number,
    from: number,
    type: number,
    serial: number,
    a: number,
    b: number,
    c: number,
  ): void {
    if (type === TYPE.contact) this.#population.onContact(node, a, b);
    else if (type === TYPE.deliver) this.#queries.deliver(node, a, b, c, serial);
    else if (type >= TYPE.store) this.records?.onMessage(node, from, type, a, b, c);
  }

  #arriveNext(atNs: number): void {
    const node = this.#nextArrival;
    this.#nextArrival += this.#mask + 1;
    this.nowNs = atNs;
    this.#population.arrive(node);
  }

  #runNextStep(atNs: number): void {
    this.nowNs = atNs;
    this.#population.follow(this.#parts.script[this.#nextScript++]!);
  }
}
