/** Requests of the nodes of one partition: sent, answered, sent to another host, given up. */
import { Calls } from "./calls.ts";
import { DeadlineRing } from "./deadline-ring.ts";
import { NS_PER_S } from "./delay.ts";
import { NONE } from "./event-slab.ts";
import type { HostSets } from "./host-sets.ts";
import { ABSENT, type NodeStates } from "./node-states.ts";
import type { Post } from "./post.ts";
import { COUNT, type Probes } from "./probes.ts";
import { ANSWER, TIMER, type Protocol } from "./protocol.ts";
import type { TraceHash } from "./trace-hash.ts";

const REQUEST_TIMEOUT_NS = 1.5 * NS_PER_S;
/** As a type in the trace: a request that was given up. */
const GIVEN_UP = TIMER * 2;

export interface CallDeskParts {
  readonly post: Post;
  readonly nodes: NodeStates;
  readonly shift: number;
  readonly protocol: Protocol;
  readonly probes: Probes;
  readonly hash: TraceHash;
  readonly hosts: HostSets | undefined;
  /** Until another host of a node that does not answer is asked too. */
  readonly staggerNs: number;
}

export class CallDesk {
  readonly #parts: CallDeskParts;
  readonly #calls = new Calls(REQUEST_TIMEOUT_NS);
  readonly #retries = new DeadlineRing();

  constructor(parts: CallDeskParts) {
    this.#parts = parts;
  }

  /** When something may be due; Infinity when nothing waits. */
  get nextNs(): number {
    if (this.#parts.hosts === undefined) return this.#calls.nextNs;
    return Math.min(this.#calls.nextNs, this.#retries.nextNs);
  }

  request(
    nowNs: number,
    from: number,
    to: number,
    type: number,
    a: number,
    b: number,
    c: number,
    list: number,
    context: number,
  ): void {
    const { nodes, shift, post, hosts } = this.#parts;
    const calls = this.#calls;
    const epoch = nodes.epochs[from >> shift]!;
    const call = calls.open(nowNs, from, to, type, context, epoch, a, b, c);
    const word = post.send(nowNs, from, to, type, call, calls.serialOf(call), a, b, c, list, 0);
    if (hosts !== undefined && word !== NONE) this.#follow(nowNs, call, hosts.hostOf(word));
  }

  /** Hands an answer to the protocol, unless it comes too late. */
  answered(
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
    const { nodes, shift, protocol } = this.#parts;
    const calls = this.#calls;
    if (!calls.isOpen(call, serial)) return;
    const context = calls.contextOf(call);
    const isOfNow = calls.epochOf(call) === nodes.epochs[to >> shift];
    calls.close(call);
    nodes.handled[to >> shift]!++;
    if (isOfNow) protocol.onAnswer(to, from, type, a, b, c, list, context);
    else protocol.onTimeout(to, from, type & ~ANSWER, context, false);
  }

  /** Does what is due at that time, one thing of it. */
  runDue(nowNs: number): void {
    if (this.#calls.nextNs <= nowNs) this.#giveUp(nowNs);
    else this.#retry(nowNs);
  }

  #giveUp(nowNs: number): void {
    const { nodes, shift, protocol, probes, hash } = this.#parts;
    const calls = this.#calls;
    const call = calls.takeDue(nowNs);
    if (call === NONE) return;
    const caller = calls.callerOf(call);
    const callee = calls.calleeOf(call);
    const type = calls.typeOf(call);
    const context = calls.contextOf(call);
    const row = caller >> shift;
    const isOfNow = nodes.states[row] !== ABSENT && calls.epochOf(call) === nodes.epochs[row];
    calls.close(call);
    probes.events++;
    hash.add(nowNs, caller, callee, type | GIVEN_UP, 0, 0, 0, 0);
    protocol.onTimeout(caller, callee, type, context, isOfNow);
  }

  /** Another host of a node that has not answered yet is asked too. */
  #retry(nowNs: number): void {
    const { nodes, shift, post, probes, hosts } = this.#parts;
    const calls = this.#calls;
    const call = this.#retries.takeDue(nowNs, calls);
    if (call === NONE || hosts === undefined) return;
    const caller = calls.callerOf(call);
    const isOfNow = calls.epochOf(call) === nodes.epochs[caller >> shift];
    if (!isOfNow || nodes.states[caller >> shift] === ABSENT) return;
    const [a, b, c] = [calls.askedOf(call, 0), calls.askedOf(call, 1), calls.askedOf(call, 2)];
    const [callee, type, serial] = [calls.calleeOf(call), calls.typeOf(call), calls.serialOf(call)];
    const tried = calls.triedOf(call);
    const word = post.send(nowNs, caller, callee, type, call, serial, a, b, c, NONE, 0, tried);
    if (word === NONE) return;
    probes.add(COUNT.retries, 1);
    this.#follow(nowNs, call, hosts.hostOf(word));
  }

  /** A host was asked; the next one is, should it not answer. */
  #follow(nowNs: number, call: number, host: number): void {
    this.#calls.noteTried(call, host);
    const dueNs = nowNs + this.#parts.staggerNs;
    this.#retries.append(dueNs, call, this.#calls.serialOf(call));
  }
}
