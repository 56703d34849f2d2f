/**
 * Which subnet takes part as which nodes, and how many hosts each has.
 *
 * Where nodes are hosts, and where subnets have one node each, a subnet's number is that of its node.
 * With virtual nodes (Chord, SIGCOMM 2001 §6.1) a large subnet has several: each with an id, tables and
 * timers of its own, while hosts are the subnet's. How many they are depends on the hosts that a subnet
 * has, whether or not they are there at the moment: else each host that goes would take a node along,
 * and tables would change with hosts again, which subnets are there to prevent (mDHT §3.3).
 *
 * The first node of a subnet joins through a bootstrap server, each other one through the one before.
 */
import type { HostScenario, Scenario } from "../scenario/scenario.ts";
import { STREAM, streamKey, unit } from "./dice.ts";
import type { Network } from "./delay.ts";
import { quantileAt, shiftedParetoQuantiles } from "./quantiles.ts";

/** Hosts of a subnet at most: a bit each in a word. */
export const HOSTS_MAX = 16;
/** Nodes of a subnet for each of its hosts, and of a subnet in all, at most. */
export const VIRTUAL_NODES_MAX = 16;
const NODES_MAX = HOSTS_MAX * VIRTUAL_NODES_MAX;
/** Shape of the sizes of subnets that are skewed. */
const SKEW = 1.5;
/** Places in the distribution of sizes that a mean is taken over. */
const SIZES = 1000;

export class Subnets {
  /** How many there are, and how many nodes they have together. */
  readonly count: number;
  readonly nodes: number;
  readonly #sizes: Uint8Array;
  readonly #isByHost: boolean;
  /** By node and by subnet; undefined where each subnet has one node. */
  readonly #subnets: Int32Array | undefined;
  readonly #firsts: Int32Array | undefined;

  /** @param isByHost the intervals of the workload are each host's, not each subnet's */
  constructor(sizes: Uint8Array, virtualNodes: number, isByHost: boolean) {
    this.#sizes = sizes;
    this.#isByHost = isByHost;
    this.count = sizes.length;
    const nodes = (subnet: number): number => nodesOfSize(sizes[subnet]!, virtualNodes);
    if (sizes.every((_, subnet) => nodes(subnet) === 1)) {
      this.nodes = this.count;
      return;
    }
    this.#firsts = new Int32Array(this.count + 1);
    for (let subnet = 0; subnet < this.count; subnet++)
      this.#firsts[subnet + 1] = this.#firsts[subnet]! + nodes(subnet);
    this.nodes = this.#firsts[this.count]!;
    this.#subnets = new Int32Array(this.nodes);
    for (let subnet = 0; subnet < this.count; subnet++)
      this.#subnets.fill(subnet, this.firstOf(subnet), this.firstOf(subnet + 1));
  }

  /** Whether each subnet has one node. */
  get areNodes(): boolean {
    return this.#firsts === undefined;
  }

  subnetOf(node: number): number {
    return this.#subnets === undefined ? node : this.#subnets[node]!;
  }

  /** The first of a subnet's nodes; the others follow it. */
  firstOf(subnet: number): number {
    return this.#firsts === undefined ? subnet : this.#firsts[subnet]!;
  }

  isFirst(node: number): boolean {
    return this.firstOf(this.subnetOf(node)) === node;
  }

  nodesOf(subnet: number): readonly number[] {
    const first = this.firstOf(subnet);
    return Array.from({ length: this.firstOf(subnet + 1) - first }, (_, i) => first + i);
  }

  /** Hosts of a subnet. */
  sizeOf(subnet: number): number {
    return this.#sizes[subnet]!;
  }

  /** How often a node asks for something, where once is as the workload has it. */
  paceOf(node: number): number {
    const subnet = this.subnetOf(node);
    const nodes = this.firstOf(subnet + 1) - this.firstOf(subnet);
    return (this.#isByHost ? this.#sizes[subnet]! : 1) / nodes;
  }

  /** Those of some nodes before which there is no other of their subnet. */
  oneEach(nodes: Iterable<number>): readonly number[] {
    if (this.#subnets === undefined) return [...nodes];
    const firsts = new Map<number, number>();
    for (const node of nodes) {
      const subnet = this.subnetOf(node);
      if (!firsts.has(subnet)) firsts.set(subnet, node);
    }
    return [...firsts.values()];
  }
}

export function createSubnets({ hosts, nodes, workload, seed }: SubnetScenario): Subnets {
  const isByHost = workload.by === "host";
  if (hosts.perSubnet === 1) return new Subnets(new Uint8Array(nodes).fill(1), 0, isByHost);
  return new Subnets(sizesOf(hosts, nodes, seed), hosts.virtualNodes, isByHost);
}

type SubnetScenario = Pick<Scenario, "hosts" | "nodes" | "workload" | "seed">;

/** Nodes of a subnet, on average. */
export function meanNodes(hosts: HostScenario): number {
  const table = shiftedParetoQuantiles(SKEW);
  let sum = 0;
  for (let i = 0; i < SIZES; i++)
    sum += nodesOfSize(sizeAt(hosts, quantileAt(table, (i + 0.5) / SIZES)), hosts.virtualNodes);
  return sum / SIZES;
}

export type Delays = Pick<Network, "delayNs" | "isLan" | "lanNs">;

/** A network in which a subnet is in one place, and on one side of a partition, with all of its nodes. */
export class SubnetDelays implements Delays {
  readonly #network: Delays;
  readonly #subnets: Subnets;

  /** @param network between subnets */
  constructor(network: Delays, subnets: Subnets) {
    this.#network = network;
    this.#subnets = subnets;
  }

  delayNs(from: number, to: number, sequence: number, nowNs: number): number {
    const subnet = this.#placeOf(from);
    // Nodes of a subnet count their messages apart, and are to have chances apart.
    const counter =
      subnet < this.#subnets.count ? sequence * NODES_MAX + this.#orderOf(from) : sequence;
    if (this.#placeOf(to) === subnet) return this.#network.lanNs(subnet, counter);
    return this.#network.delayNs(subnet, this.#placeOf(to), counter, nowNs);
  }

  /** Nodes of a subnet have one LAN, with any model. */
  isLan(from: number, to: number): boolean {
    const [left, right] = [this.#placeOf(from), this.#placeOf(to)];
    return left === right || this.#network.isLan(left, right);
  }

  lanNs(node: number, counter: number): number {
    return this.#network.lanNs(node, counter);
  }

  /** Servers are behind all nodes, and behind all subnets. */
  #placeOf(node: number): number {
    const { nodes, count } = this.#subnets;
    return node < nodes ? this.#subnets.subnetOf(node) : node - nodes + count;
  }

  #orderOf(node: number): number {
    return node - this.#subnets.firstOf(this.#subnets.subnetOf(node));
  }
}

function nodesOfSize(size: number, virtualNodes: number): number {
  return Math.max(1, Math.round(size * virtualNodes));
}

function sizesOf(hosts: HostScenario, subnets: number, seed: number): Uint8Array {
  const table = shiftedParetoQuantiles(SKEW);
  const key = streamKey(seed, STREAM.host);
  return new Uint8Array(subnets).map((_, subnet) =>
    sizeAt(hosts, quantileAt(table, unit(key, subnet, -1))),
  );
}

/** @param factor of the shifted Pareto distribution of mean 1 */
function sizeAt({ perSubnet, sizes }: HostScenario, factor: number): number {
  if (sizes === "equal") return perSubnet;
  return Math.min(HOSTS_MAX, 1 + Math.floor((perSubnet - 1) * factor));
}
