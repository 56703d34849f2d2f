/** The coming and going of nodes, and how they get their first contact. */
import type { Scenario } from "../scenario/scenario.ts";
import type { Adversary } from "./adversary.ts";
import { BootstrapServer, FOUND_IT, NOBODY } from "./bootstrap-servers.ts";
import { NS_PER_MS } from "./delay.ts";
import { below, STREAM, streamKey, unit } from "./dice.ts";
import { NONE } from "./event-slab.ts";
import type { HostSets } from "./host-sets.ts";
import { ABSENT, JOINED, type NodeStates, PRESENT } from "./node-states.ts";
import { TICK, TYPE } from "./engine-types.ts";
import type { Outbox, Protocol } from "./protocol.ts";
import type { ScriptStep } from "./script.ts";
import { Sessions } from "./sessions.ts";
import type { SubnetLan } from "./subnet-lan.ts";
import { HOSTS_MAX, type Subnets } from "./subnets.ts";

/** Instead of the number of a question to a server: the node joins through another one of its subnet. */
const FOLLOW = -1;

/** What the population needs of its partition. */
export interface Desk extends Pick<Outbox, "nowNs" | "send" | "after"> {
  /** Of a server to a node: a contact, or what there is instead. */
  reply(server: number, to: number, contact: number, attempt: number, tookNs: number): void;
  /** A node is up. */
  begin(node: number): void;
  /** Hosts of a subnet came or went, and it has noticed. */
  onHosts(subnet: number): void;
  /** Nodes that joined, and as `~node` those that went. */
  readonly changes: number[];
}

export interface PopulationParts {
  readonly scenario: Scenario;
  /** Of the partition: its number, and by how many bits a handle is more than its row. */
  readonly index: number;
  readonly shift: number;
  /** Nodes of all partitions; the servers' handles follow. */
  readonly size: number;
  readonly nodes: NodeStates;
  readonly protocol: Protocol;
  readonly desk: Desk;
  readonly subnets: Subnets;
  /** Where a node has several hosts. */
  readonly hosts: HostSets | undefined;
  readonly lan: SubnetLan | undefined;
  readonly adversary: Adversary | undefined;
}

export class Population {
  readonly #parts: PopulationParts;
  readonly #servers: readonly BootstrapServer[];
  readonly #sessions: Sessions;
  readonly #serverKey: number;
  readonly #churnKey: number;
  /** How often each host came up. */
  readonly #hostCounts: Uint16Array;
  /** Subnets that failed for good, and all of their hosts. */
  readonly #failed = new Set<number>();
  /** Nodes that are up and join once the one before them in their subnet has joined. */
  readonly #waiting = new Set<number>();

  constructor(parts: PopulationParts) {
    this.#parts = parts;
    const { scenario, hosts, subnets } = parts;
    const { server, churn, seed } = scenario;
    this.#serverKey = streamKey(seed, STREAM.server);
    this.#churnKey = streamKey(seed, STREAM.churn);
    this.#sessions = new Sessions(churn, seed);
    this.#hostCounts = new Uint16Array(hosts === undefined ? 0 : subnets.count * HOSTS_MAX);
    this.#servers = Array.from({ length: server.count }, (_, index) => {
      return new BootstrapServer(server, index, parts.size + index, parts.size, this.#serverKey);
    });
  }

  /** A node takes part; every server is told. */
  joined(node: number): void {
    const { nodes, desk, adversary, scenario, size } = this.#parts;
    const row = this.#rowOf(node);
    if (nodes.states[row] === JOINED) return;
    nodes.states[row] = JOINED;
    // What the probes compare with is who is honest.
    if (adversary?.isLiar(node) !== true) desk.changes.push(node);
    for (let server = 0; server < scenario.server.count; server++)
      if (scenario.server.isInstant) this.#servers[server]!.register(node, desk.nowNs);
      else desk.send(node, size + server, TYPE.register, 0, 0, 0, NONE);
    if (this.#waiting.has(node + 1)) desk.after(node + 1, 1, TICK.ask, FOLLOW);
  }

  /** A node could not join, or has lost everybody that it knew. */
  joinFailed(node: number): void {
    const { nodes, desk } = this.#parts;
    const row = this.#rowOf(node);
    if (nodes.states[row] === JOINED) {
      nodes.states[row] = PRESENT;
      desk.changes.push(~node);
    }
    this.askServer(node);
  }

  /** A message to a bootstrap server. */
  serve(server: number, from: number, type: number, attempt: number): void {
    const { desk, size } = this.#parts;
    const one = this.#servers[server - size]!;
    if (type === TYPE.register) return one.register(from, desk.nowNs);
    const answer = one.ask(from, desk.nowNs);
    if (answer !== undefined) desk.reply(server, from, answer.contact, attempt, answer.tookNs);
  }

  askServer(node: number): void {
    const { desk, nodes, scenario, size } = this.#parts;
    const row = this.#rowOf(node);
    const attempt = ++nodes.asked[row]!;
    const { count, isInstant, retryMs } = scenario.server;
    const server = below(count, this.#serverKey, node, attempt);
    if (!isInstant) desk.send(node, size + server, TYPE.ask, attempt, 0, 0, NONE);
    desk.after(node, retryMs * NS_PER_MS, TICK.ask, attempt);
    const answer = isInstant ? this.#servers[server]!.ask(node, desk.nowNs) : undefined;
    if (answer !== undefined) this.onContact(node, answer.contact, attempt);
  }

  onContact(node: number, contact: number, attempt: number): void {
    const { nodes, protocol } = this.#parts;
    const row = this.#rowOf(node);
    if (attempt < nodes.waitsFrom[row]! || nodes.states[row] === JOINED) return;
    if (contact === NOBODY) return; // the timer asks again
    if (contact === node) return this.askServer(node); // of before it went
    // Answered, be it late: the timer has nothing to do, and other answers come for nothing.
    nodes.waitsFrom[row] = ++nodes.asked[row]!;
    protocol.start(node, contact === FOUND_IT ? NONE : contact);
  }

  onTimer(node: number, type: number, attempt: number): void {
    if (type >= TICK.hostLeave) this.#onHostTimer(node, type, attempt);
    else if (type === TICK.leave) this.#leave(node, true);
    else if (type === TICK.comeBack) this.arrive(node);
    else if (attempt === FOLLOW) this.#followSibling(node);
    else if (type === TICK.ask && this.#parts.nodes.asked[this.#rowOf(node)] === attempt)
      this.askServer(node);
  }

  /** The node before it in its subnet has joined. */
  #followSibling(node: number): void {
    if (this.#waiting.delete(node)) this.#parts.protocol.start(node, node - 1);
  }

  arrive(node: number): void {
    const { nodes, desk } = this.#parts;
    const row = this.#rowOf(node);
    if (nodes.states[row] !== ABSENT) return;
    nodes.states[row] = PRESENT;
    const epoch = ++nodes.epochs[row]!;
    desk.begin(node);
    // All at once they would be more newcomers than a small overlay takes in (see the findings).
    if (this.#parts.subnets.isFirst(node)) this.askServer(node);
    else this.#waiting.add(node);
    if (this.#parts.hosts !== undefined) {
      this.#beginHosts(node, this.#parts.hosts);
      return;
    }
    const leaveNs = this.#sessions.leavesAtNs(node, epoch, desk.nowNs);
    if (leaveNs < Infinity) desk.after(node, leaveNs - desk.nowNs, TICK.leave, 0);
  }

  /** With a subnet's first node: all of them when the subnet is new, else whoever came back first. */
  #beginHosts(node: number, hosts: HostSets): void {
    const { subnets } = this.#parts;
    if (!subnets.isFirst(node)) return;
    const subnet = subnets.subnetOf(node);
    if (hosts.isAnyLive(subnet)) {
      hosts.say(subnet);
      return;
    }
    hosts.begin(subnet);
    for (let host = 0; host < subnets.sizeOf(subnet); host++) this.#expectLeave(subnet, host);
  }

  /** A subnet's first node has the timers of its hosts. */
  #expectLeave(subnet: number, host: number): void {
    const { desk, subnets } = this.#parts;
    const count = this.#hostCounts[subnet * HOSTS_MAX + host]!;
    const leaveNs = this.#sessions.leavesAtNs(subnet * HOSTS_MAX + host, count, desk.nowNs);
    if (leaveNs === Infinity) return;
    desk.after(subnets.firstOf(subnet), leaveNs - desk.nowNs, TICK.hostLeave, host);
  }

  #onHostTimer(node: number, type: number, host: number): void {
    const { desk, nodes, scenario, subnets, lan } = this.#parts;
    const hosts = this.#parts.hosts!;
    const subnet = subnets.subnetOf(node);
    const isUp = nodes.states[this.#rowOf(node)] !== ABSENT;
    if (this.#failed.has(subnet)) return;
    if (type === TICK.noticed) {
      if (!isUp) return;
      hosts.say(subnet);
      desk.onHosts(subnet);
      for (const one of subnets.nodesOf(subnet)) this.#tellNeighbours(one);
      return;
    }
    const isBack = type === TICK.hostBack;
    if (hosts.hasLive(subnet, host) === isBack) return;
    hosts.set(subnet, host, isBack);
    if (isBack) {
      this.#hostCounts[subnet * HOSTS_MAX + host]!++;
      this.#expectLeave(subnet, host);
    } else {
      const count = this.#hostCounts[subnet * HOSTS_MAX + host]!;
      const awayNs = this.#sessions.absenceNs(subnet * HOSTS_MAX + host, count);
      desk.after(node, awayNs, TICK.hostBack, host);
    }
    if (!isBack && !hosts.isAnyLive(subnet)) this.#leaveAll(subnet);
    else if (isBack && !isUp) this.#arriveAll(subnet);
    else {
      // Whoever notices it tells the others.
      const noticedNs = scenario.hosts.noticeMs * NS_PER_MS + (lan?.tell(node) ?? 0);
      desk.after(node, noticedNs, TICK.noticed, 0);
    }
  }

  #tellNeighbours(node: number): void {
    const { desk, protocol, scenario } = this.#parts;
    for (const contact of protocol.contacts(node).slice(0, scenario.hosts.told))
      desk.send(node, contact, TYPE.hostSet, 0, 0, 0, NONE);
  }

  follow(step: ScriptStep): void {
    if ("share" in step) return this.#failShare(step);
    const { index, shift } = this.#parts;
    if ((step.node & ((1 << shift) - 1)) !== index) return;
    if (step.type === "up") this.#arriveAll(step.node);
    else this.#leaveAll(step.node);
  }

  /** All nodes of a subnet. */
  #arriveAll(subnet: number): void {
    for (const node of this.#parts.subnets.nodesOf(subnet)) this.arrive(node);
  }

  #leaveAll(subnet: number): void {
    for (const node of this.#parts.subnets.nodesOf(subnet)) this.#leave(node, false);
  }

  /** @param comesBack after its absence, as its sessions have it */
  #leave(node: number, comesBack: boolean): void {
    const { nodes, desk, hosts, lan, protocol, subnets } = this.#parts;
    const row = this.#rowOf(node);
    if (nodes.states[row] === ABSENT) return;
    if (nodes.states[row] === JOINED) desk.changes.push(~node);
    protocol.stop(node);
    this.#waiting.delete(node);
    lan?.forget(node);
    if (subnets.isFirst(node)) hosts?.forget(subnets.subnetOf(node));
    nodes.states[row] = ABSENT;
    nodes.waitsFrom[row] = ++nodes.asked[row]!;
    if (!comesBack) return;
    desk.after(node, this.#sessions.absenceNs(node, nodes.epochs[row]!), TICK.comeBack, 0);
  }

  #failShare(step: Extract<ScriptStep, { readonly share: number }>): void {
    const { index, shift, size, nodes, desk, subnets } = this.#parts;
    for (let node = index; node < size; node += 1 << shift) {
      if (nodes.states[this.#rowOf(node)] === ABSENT) continue;
      const subnet = subnets.subnetOf(node);
      if (unit(this.#churnKey, subnet, ~step.number) >= step.share) continue;
      this.#leave(node, false);
      if (step.type === "fail") {
        this.#failed.add(subnet);
        continue;
      }
      const awayNs = Math.floor(unit(this.#churnKey, subnet, ~step.number - 1) * step.spreadNs);
      desk.after(node, Math.max(1, awayNs), TICK.comeBack, 0);
    }
  }

  #rowOf(node: number): number {
    return node >> this.#parts.shift;
  }
}
