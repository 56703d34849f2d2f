/**
 * The nodes of one thread and their events: the loop of the simulation.
 *
 * `run` works off everything before a time. What a node says to a node of another partition goes to
 * `mail`; it arrives after the end of the window, since no message is faster than a window is long.
 */
import type { Scenario } from "../scenario/scenario.ts";
import { Calls } from "./calls.ts";
import { type Network, NS_PER_S } from "./delay.ts";
import { draw, STREAM, streamKey } from "./dice.ts";
import { COLUMN, EventSlab, NONE, ROW } from "./event-slab.ts";
import { Lists } from "./lists.ts";
import { ABSENT, JOINED, NodeStates } from "./node-states.ts";
import { Population, TICK, TYPE } from "./population.ts";
import { Post, type Mail } from "./post.ts";
import { COUNT, Probes } from "./probes.ts";
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
import { TimingWheel } from "./timing-wheel.ts";
import { foldList, type Trace, TraceHash } from "./trace-hash.ts";
import type { Directory } from "./directory.ts";

export const ENGINE_TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [TYPE.ask, "ask-server"],
  [TYPE.contact, "contact"],
  [TYPE.register, "register"],
  [TYPE.deliver, "deliver"],
]);
const REQUEST_TIMEOUT_NS = 1.5 * NS_PER_S;

export interface PartitionParts {
  readonly scenario: Scenario;
  readonly ids: NodeIds;
  readonly network: Network;
  /** Frozen while a window runs. */
  readonly directory: Directory;
  /** When nodes arrive, by handle. */
  readonly arrivals: Float64Array;
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
  /** Queries that arrived since then: node and both halves of the key, one after the other. */
  readonly deliveries: number[] = [];
  /** Nodes that joined, and as `~node` those that went, since the directory was brought up to date. */
  changes: number[] = [];
  readonly #parts: PartitionParts;
  readonly #slab = new EventSlab();
  readonly #wheel = new TimingWheel(this.#slab);
  readonly #calls = new Calls(REQUEST_TIMEOUT_NS);
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
    const { scenario, index, count, ids, createProtocol, listMax, samples } = parts;
    this.#shift = 31 - Math.clz32(count);
    this.#mask = count - 1;
    this.#size = ids.high.length;
    const rows = ((this.#size - 1 - index) >> this.#shift) + 1;
    this.nodes = new NodeStates(rows);
    this.lists = new Lists(listMax);
    this.probes = new Probes(samples);
    this.#coreKey = streamKey(scenario.seed, STREAM.core);
    this.#queries = new Queries(scenario, ids, this.nodes, this.#shift);
    const { network, mail } = parts;
    this.#post = new Post({
      ...{ slab: this.#slab, wheel: this.#wheel, lists: this.lists, probes: this.probes },
      ...{ nodes: this.nodes, network, mail, size: this.#size, servers: scenario.server.count },
      ...{ index, shift: this.#shift },
    });
    this.#nextArrival = index;
    this.protocol = createProtocol(this, rows, this.#shift);
    this.#post.learnBytes(this.protocol.typeBytes);
    this.#population = new Population({
      ...{ scenario, index, shift: this.#shift, size: this.#size, nodes: this.nodes },
      ...{ protocol: this.protocol, desk: this },
    });
  }

  /** Whether a node is one of this partition's. */
  has(node: number): boolean {
    return (node & this.#mask) === this.#parts.index;
  }

  /** Of a row of this partition. */
  handleOf(row: number): number {
    return (row << this.#shift) + this.#parts.index;
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
      const firstNs = Math.min(arriveNs, scriptNs, callNs, untilNs);
      const event = this.#wheel.pop(firstNs);
      if (event !== NONE) this.#handle(event);
      else if (firstNs >= untilNs) return;
      else if (arriveNs === firstNs) this.#arriveNext(arriveNs);
      else if (scriptNs === firstNs) this.#runNextStep(scriptNs);
      else this.#expire(callNs);
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
    const epoch = this.nodes.epochs[from >> this.#shift]!;
    const call = this.#calls.open(this.nowNs, from, to, type, context, epoch);
    this.#post.send(this.nowNs, from, to, type, call, this.#calls.serialOf(call), a, b, c, list, 0);
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
    const row = node >> this.#shift;
    if (this.nodes.states[row] === JOINED) return;
    this.nodes.states[row] = JOINED;
    this.changes.push(node);
    for (let server = 0; server < this.#parts.scenario.server.count; server++)
      this.send(node, this.#size + server, TYPE.register, 0, 0, 0, NONE);
  }

  joinFailed(node: number): void {
    this.#population.askServer(node);
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
    const periodNs = this.#queries.periodNs(node);
    if (periodNs < Infinity) this.after(node, periodNs, TICK.query, 0);
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
    const startUs = Math.floor(startNs / 1000) | 0;
    if (owner === NONE) this.probes.add(COUNT.failedLookups, 1);
    else if (owner === node) this.#deliver(node, keyHigh, keyLow, hops, startUs);
    else
      this.#post.send(
        this.nowNs,
        node,
        owner,
        TYPE.deliver,
        tag,
        startUs,
        keyHigh,
        keyLow,
        hops + 1,
        NONE,
        0,
      );
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
    this.#slab.release(event);
    this.nowNs = timeNs;
    this.probes.events++;
    const { lists } = this;
    const fold = list === NONE ? 0 : foldList(lists.words, list * lists.width);
    this.hash.add(timeNs, to, from, type, a, b, c, fold);
    if (this.#parts.trace !== undefined) this.#parts.trace(timeNs, to, from, type, a, b, c);
    if (to >= this.#size) this.#population.serve(to, from, type, a);
    else if (this.nodes.states[to >> this.#shift] !== ABSENT) {
      if (type >= TIMER) this.#tick(to, type, a, b);
      else if (type < PROTOCOL_TYPE) this.#receive(to, type, serial, a, b, c);
      else if ((type & ANSWER) !== 0) this.#takeAnswer(to, from, type, call, serial, a, b, c, list);
      else {
        this.nodes.handled[to >> this.#shift]!++;
        this.#call = call;
        this.#serial = serial;
        this.#from = from;
        this.#type = type;
        this.protocol.onMessage(to, from, type, a, b, c, list);
      }
    } else if (type === TICK.comeBack) this.#tick(to, type, a, b);
    if (list !== NONE) lists.release(list);
  }

  #takeAnswer(
    to: number,
    from: number,
    type: number,
    call: number,
    serial: number,
    a: number,
    b: number,
    c: number,
    list: number,
  ): void {
    const calls = this.#calls;
    if (!calls.isOpen(call, serial)) return;
    const context = calls.contextOf(call);
    const isOfNow = calls.epochOf(call) === this.nodes.epochs[to >> this.#shift];
    calls.close(call);
    this.nodes.handled[to >> this.#shift]!++;
    if (isOfNow) this.protocol.onAnswer(to, from, type, a, b, c, list, context);
    else this.protocol.onTimeout(to, from, type & ~ANSWER, context, false);
  }

  /** A request that was not answered. */
  #expire(untilNs: number): void {
    const calls = this.#calls;
    const call = calls.takeDue(untilNs);
    if (call === NONE) return;
    const caller = calls.callerOf(call);
    const type = calls.typeOf(call);
    const context = calls.contextOf(call);
    const callee = calls.calleeOf(call);
    const row = caller >> this.#shift;
    const isOfNow =
      this.nodes.states[row] !== ABSENT && calls.epochOf(call) === this.nodes.epochs[row];
    calls.close(call);
    this.nowNs = untilNs;
    this.probes.events++;
    this.hash.add(untilNs, caller, callee, type | (TIMER * 2), 0, 0, 0, 0);
    this.protocol.onTimeout(caller, callee, type, context, isOfNow);
  }

  #tick(node: number, type: number, a: number, epoch: number): void {
    if (epoch !== this.nodes.epochs[node >> this.#shift]) return;
    if (type >= TIMER + PROTOCOL_TYPE) this.protocol.onTimer(node, type & ~TIMER, a);
    else if (type === TICK.query) this.#query(node);
    else this.#population.onTimer(node, type, a);
  }

  #receive(node: number, type: number, serial: number, a: number, b: number, c: number): void {
    if (type === TYPE.contact) this.#population.onContact(node, a, b);
    else if (type === TYPE.deliver) this.#deliver(node, a, b, c, serial);
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

  #query(node: number): void {
    this.after(node, this.#queries.periodNs(node), TICK.query, 0);
    this.probes.add(COUNT.sent, 1);
    const isKeyed = this.#queries.choose(node, this.#parts.directory);
    if (!isKeyed || this.stateOf(node) !== JOINED) return; // lost, as in thesis §2.3
    this.protocol.lookup(node, this.#queries.keyHigh, this.#queries.keyLow, 0);
  }

  #deliver(node: number, high: number, low: number, hops: number, startUs: number): void {
    if (this.stateOf(node) !== JOINED || !this.protocol.isResponsible(node, high, low)) return;
    const latencyUs = ((Math.floor(this.nowNs / 1000) | 0) - startUs) | 0;
    this.probes.delivered(hops, latencyUs);
    this.deliveries.push(node, high, low);
  }
}
