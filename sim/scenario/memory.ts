/** Whether a scenario fits into the memory that is free. */
import { ConfigError } from "../../platform/errors.ts";
import { meanNodes } from "../engine/subnets.ts";
import type { ProtocolName, Scenario } from "./scenario.ts";

/** The program before the first node; with the next, above what runs of 50,000 to 1,000,000 nodes took. */
const BASE_BYTES = 160e6;
/** Tables, timers and events on the way, for each node. Chord's is what its tables come to. */
const BYTES_PER_NODE: Readonly<Record<ProtocolName, number>> = { kademlia: 2000, chord: 1500 };
/**
 * What a subnet knows of the hosts of another, while its table of that grows.
 *
 * How many others it has heard of was measured with 1,250 to 5,000 subnets, for 10 to 200 s: 105 and
 * 1,316 (Kademlia), 165 and 1,303 (Chord), up to three times as many where joins are exhaustive.
 */
const BYTES_PER_PAIR = 60;
const HEARD_OF = 35;
const HEARD_OF_POWER = 0.75;
const OF_EXHAUSTIVE = 3.3;

/** @throws {ConfigError} that says how many nodes do fit */
export function refuseTooLarge(scenario: Scenario, freeBytes: number): void {
  const { protocol, nodes } = scenario;
  const each = scenario.hosts.perSubnet === 1 ? 1 : meanNodes(scenario.hosts);
  const needed = bytesOf(scenario, nodes, each);
  if (needed <= freeBytes) return;
  let fitting = 0;
  for (let step = 2 ** 27; step >= 1; step /= 2)
    if (bytesOf(scenario, fitting + step, each) <= freeBytes) fitting += step;
  throw new ConfigError(
    "nodes",
    `${nodes} nodes of ${protocol} need about ${gigabytes(needed)}, and ${gigabytes(freeBytes)} are free here; ${fitting} fit`,
  );
}

/**
 * @param nodes of the scenario
 * @param each  nodes of the overlay that one of them is, on average, where it is a subnet
 */
function bytesOf(scenario: Scenario, nodes: number, each: number): number {
  const { protocol, hosts, kademlia, durationS } = scenario;
  if (hosts.perSubnet === 1) return BASE_BYTES + nodes * BYTES_PER_NODE[protocol];
  const isExhaustive = protocol === "kademlia" && kademlia.isExhaustive;
  const named = HEARD_OF * durationS ** HEARD_OF_POWER * (isExhaustive ? OF_EXHAUSTIVE : 1);
  const known = Math.min(nodes, named * each);
  return BASE_BYTES + nodes * (each * BYTES_PER_NODE[protocol] + known * BYTES_PER_PAIR);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
