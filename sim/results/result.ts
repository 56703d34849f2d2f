/**
 * What a simulation found. All of it but `run` is the same for the same scenario on any machine.
 */
import type { Scenario } from "../scenario/scenario.ts";

/** What results depend on: not on how many threads there were. */
export type StudiedScenario = Omit<Scenario, "threads">;

export interface Sample {
  /** End of the sample, in simulated seconds. */
  readonly timeS: number;
  /** Nodes that have arrived and not gone, and those of them that have joined. */
  readonly present: number;
  readonly joined: number;
  /** Queries delivered over queries sent in this sample; not clamped. Null when none were sent. */
  readonly believedDelivery: number | null;
  /** The same, of those that reached the right node. */
  readonly correctDelivery: number | null;
  /** Of the queries delivered in this sample; null when none were. */
  readonly meanHops: number | null;
  readonly latencyMs: Percentiles | null;
  /** Messages of all kinds that were sent, but those inside a LAN. */
  readonly messages: number;
  /** Contacts taken into tables or out of them, by all nodes. */
  readonly tableChanges: number;
  /** Requests that a second host of a subnet was asked, or a later one. */
  readonly hostRetries: number;
  /** Chord: share of joined nodes whose successor is right. Kademlia: of sibling lists that are. */
  readonly accuracy: number | null;
}

export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

export interface Traffic {
  /** `find-node`, `stabilize`, … */
  readonly type: string;
  /** Those inside a LAN have a line of their own; absent in that of all others. */
  readonly class?: "lan";
  readonly messages: number;
  readonly bytes: number;
}

/** Messages and bytes of all types, by class. */
export function trafficOfClass(
  { traffic }: Pick<SimulationResult, "traffic">,
  wanted: "lan" | "wan",
): { readonly messages: number; readonly bytes: number } {
  const isWanted = (one: Traffic): boolean => (one.class ?? "wan") === wanted;
  return traffic
    .filter(isWanted)
    .reduce(
      (sum, one) => ({ messages: sum.messages + one.messages, bytes: sum.bytes + one.bytes }),
      { messages: 0, bytes: 0 },
    );
}

export interface SimulationResult {
  readonly version: string;
  readonly scenario: StudiedScenario;
  /** End of the first sample with a believed delivery of 0.95 or more; null if none. */
  readonly convergenceTimeS: number | null;
  /** End of the sample from which on it stays there; null if none. */
  readonly permanentConvergenceTimeS: number | null;
  readonly samples: readonly Sample[];
  readonly meanHops: number | null;
  readonly latencyMs: Percentiles | null;
  readonly traffic: readonly Traffic[];
  /** Messages handled by a node that joined, or by each of its hosts: mean, highest, and the Gini index. */
  readonly load: { readonly mean: number; readonly highest: number; readonly gini: number };
  /** Null when the scenario has none. */
  readonly records: RecordsResult | null;
  readonly events: number;
  /** 16 hex digits over every event: its time, node, sender, type and contents. */
  readonly traceHash: string;
  /** Differs from run to run. */
  readonly run: RunBlock;
}

/** What became of records; of all the run, or at its end. */
export interface RecordsResult {
  /** Those that their owner has stored. */
  readonly put: number;
  readonly gets: number;
  /** Of records that had been put. */
  readonly failedGets: number;
  /** Of those that found their record: messages on the way to whoever had it, on average. */
  readonly getHops: number | null;
  /** And how long they took. */
  readonly getLatencyMs: Percentiles | null;
  /** Put, and at the end at no host that lives; and of these, at none that will come back either. */
  readonly unavailable: number;
  readonly lost: number;
  /** To compare, move and copy records between nodes, but those of one LAN. */
  readonly repairMessages: number;
  readonly repairBytes: number;
  /** Records copied from host to host inside a subnet. */
  readonly innerCopies: number;
  /** Copies a living host keeps: mean, highest, and the Gini index. */
  readonly kept: { readonly mean: number; readonly highest: number; readonly gini: number };
}

export interface RunBlock {
  readonly threads: number;
  readonly cpuS: number;
  readonly wallS: number;
  readonly rssBytes: number;
  readonly host: string;
  readonly date: string;
  readonly node: string;
}
