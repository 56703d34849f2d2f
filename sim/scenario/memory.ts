/** Whether a scenario fits into the memory that is free. */
import { ConfigError } from "../../platform/errors.ts";
import type { ProtocolName, Scenario } from "./scenario.ts";

/** The program before the first node; with the next, above what runs of 50,000 to 1,000,000 nodes took. */
const BASE_BYTES = 160e6;
/** Tables, timers and events on the way, for each node. Chord's is what its tables come to. */
const BYTES_PER_NODE: Readonly<Record<ProtocolName, number>> = { kademlia: 2000, chord: 1500 };

/** @throws {ConfigError} that says how many nodes do fit */
export function refuseTooLarge({ protocol, nodes }: Scenario, freeBytes: number): void {
  const needed = BASE_BYTES + nodes * BYTES_PER_NODE[protocol];
  if (needed <= freeBytes) return;
  const fitting = Math.floor((freeBytes - BASE_BYTES) / BYTES_PER_NODE[protocol]);
  throw new ConfigError(
    "nodes",
    `${nodes} nodes of ${protocol} need about ${gigabytes(needed)}, and ${gigabytes(freeBytes)} are free here; ${Math.max(0, fitting)} fit`,
  );
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
