/** What partitions counted of records, as threads pass it, and what it comes to together. */
import type { Percentiles, RecordsResult } from "../results/result.ts";
import { NS_PER_MS } from "./delay.ts";
import { TYPE } from "./engine-types.ts";
import { giniOf, type Counted } from "./probes.ts";

/** Where a record is, as one partition sees it; the higher one holds. */
export const WHERE = { nowhere: 0, atAbsentHost: 1, atLivingHost: 2 } as const;

export interface RecordsFound {
  /** By record: 1 if its owner has stored it; and one of WHERE. */
  readonly stored: Uint8Array;
  readonly where: Uint8Array;
  readonly failedGets: number;
  /** Of gets that found their record: messages on the way to whoever had it, all together. */
  readonly hops: number;
  readonly latenciesNs: Float64Array;
  readonly innerCopies: number;
  /** Copies at each living host. */
  readonly kept: Float64Array;
}

export function recordsResult(
  parts: readonly RecordsFound[],
  probes: Pick<Counted, "messages" | "bytes">,
): RecordsResult {
  const stored = highest(parts.map((part) => part.stored));
  const where = highest(parts.map((part) => part.where));
  const sum = (read: (part: RecordsFound) => number): number =>
    parts.reduce((all, part) => all + read(part), 0);
  const latenciesNs = joined(parts.map((part) => part.latenciesNs)).sort();
  const failedGets = sum((part) => part.failedGets);
  const kept = joined(parts.map((part) => part.kept));
  return {
    put: stored.reduce((all, one) => all + one, 0),
    gets: latenciesNs.length + failedGets,
    failedGets,
    getHops: latenciesNs.length === 0 ? null : sum((part) => part.hops) / latenciesNs.length,
    getLatencyMs: percentilesOf(latenciesNs),
    unavailable: where.filter((one, i) => stored[i] === 1 && one !== WHERE.atLivingHost).length,
    lost: where.filter((one, i) => stored[i] === 1 && one === WHERE.nowhere).length,
    repairMessages: repairs(probes.messages),
    repairBytes: repairs(probes.bytes),
    innerCopies: sum((part) => part.innerCopies),
    kept: {
      mean: kept.length === 0 ? 0 : kept.reduce((all, one) => all + one, 0) / kept.length,
      highest: kept.reduce((most, one) => Math.max(most, one), 0),
      gini: giniOf(kept),
    },
  };
}

function repairs(byType: Float64Array): number {
  return byType[TYPE.offer]! + byType[TYPE.want]! + byType[TYPE.repair]!;
}

function highest(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts[0]!.length).map((_, i) =>
    parts.reduce((most, part) => Math.max(most, part[i]!), 0),
  );
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** @param sorted nanoseconds */
function percentilesOf(sorted: Float64Array): Percentiles | null {
  if (sorted.length === 0) return null;
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1]! / NS_PER_MS;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}
