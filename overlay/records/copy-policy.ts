/**
 * How many hosts of a subnet keep a record (mDHT §3.3.5): wire form and count.
 *
 * `demand` grows with the queries of the last minutes and shrinks again when they stop.
 */
import { WireError } from "../../platform/errors.ts";
import type { CopyPolicy } from "../types.ts";

export const COPIES_MAX = 16;

/** What a record gets that names no policy. */
export const DEFAULT_COPY_POLICY: CopyPolicy = { type: "copies", count: 2 };

/** One host more for each so many queries a minute. */
const DEMAND_QUERIES_PER_COPY = 30;

/** A key's count of queries halves in so long. */
const DEMAND_HALF_LIFE_MS = 60_000;

/** Keys metered; beyond, the one asked longest ago is forgotten. */
const DEMAND_KEYS_MAX = 4096;

const COPY_POLICY_CODE = { one: 1, copies: 2, all: 3, demand: 4 } as const;

export interface WireCopyPolicy {
  readonly copyPolicy: number;
  readonly copies: number;
}

export function encodeCopyPolicy(policy: CopyPolicy): WireCopyPolicy {
  return {
    copyPolicy: COPY_POLICY_CODE[policy.type],
    copies: policy.type === "copies" ? policy.count : 0,
  };
}

/**
 * The policy of a wire code. A code from a later version counts as the default: the record's bytes
 * keep it for holders who know it.
 *
 * @throws {WireError} on a number of copies out of bounds
 */
export function decodeCopyPolicy({ copyPolicy, copies }: WireCopyPolicy): CopyPolicy {
  switch (copyPolicy) {
    case COPY_POLICY_CODE.one:
      return { type: "one" };
    case COPY_POLICY_CODE.copies:
      if (!isCopyCount(copies)) throw new WireError(`${copies} copies; allowed: 1..${COPIES_MAX}`);
      return { type: "copies", count: copies };
    case COPY_POLICY_CODE.all:
      return { type: "all" };
    case COPY_POLICY_CODE.demand:
      return { type: "demand" };
    default:
      return DEFAULT_COPY_POLICY;
  }
}

export function isCopyCount(count: number): boolean {
  return Number.isInteger(count) && count >= 1 && count <= COPIES_MAX;
}

/**
 * How many hosts should hold a record now.
 *
 * @param hosts            live hosts of the subnet, at least 1
 * @param queriesPerMinute recent queries of the record's key; only `demand` looks at it
 */
export function copiesWanted(policy: CopyPolicy, hosts: number, queriesPerMinute: number): number {
  if (policy.type === "one") return 1;
  if (policy.type === "copies") return Math.min(policy.count, hosts);
  if (policy.type === "all") return hosts;
  policy satisfies { readonly type: "demand" };
  const wanted = 1 + Math.floor(queriesPerMinute / DEMAND_QUERIES_PER_COPY);
  return Math.min(wanted, hosts, COPIES_MAX);
}

/** Counts queries per key, the old ones fading. */
export class QueryMeter {
  readonly #counts = new Map<string, { count: number; atMs: number }>();

  note(keyHex: string, nowMs: number): void {
    const count = this.#faded(keyHex, nowMs) + 1;
    this.#counts.delete(keyHex); // so that the map is in order of the last query
    this.#counts.set(keyHex, { count, atMs: nowMs });
    if (this.#counts.size <= DEMAND_KEYS_MAX) return;
    const oldest = this.#counts.keys().next();
    if (!oldest.done) this.#counts.delete(oldest.value);
  }

  /** Close to the queries of a steady minute. */
  perMinute(keyHex: string, nowMs: number): number {
    // A steady rate r adds up to r / (1 - 2^-t) queries: r * halfLife / ln 2 in the limit.
    return (this.#faded(keyHex, nowMs) * Math.LN2 * 60_000) / DEMAND_HALF_LIFE_MS;
  }

  #faded(keyHex: string, nowMs: number): number {
    const entry = this.#counts.get(keyHex);
    if (entry === undefined) return 0;
    return entry.count * 2 ** -((nowMs - entry.atMs) / DEMAND_HALF_LIFE_MS);
  }
}
