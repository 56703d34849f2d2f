/**
 * Which hosts of a subnet should hold a record, and who moves it when hosts come and go.
 *
 * mDHT §3.3.5. `one` and `demand` records stay where they came to: siblings find them by asking the
 * link. Pure.
 */
import { copiesWanted } from "./copy-policy.ts";
import { placeCopies } from "./placement.ts";
import type { SignedRecord } from "./record.ts";

/** @returns host ids, first choice first; `null` when the place is wherever it came to */
export function placeInSubnet(record: SignedRecord, hosts: readonly string[]): string[] | null {
  const { policy, key } = record;
  if (policy.type === "one" || policy.type === "demand") return null;
  return placeCopies(key, hosts, copiesWanted(policy, hosts.length, 0));
}

/** What one holder has to do with one record after a change of hosts. */
export interface Move {
  /** Hosts that should hold the record by now and did not before. */
  readonly copyTo: readonly string[];
  /** It is no longer this host's to keep, once the others have it. */
  readonly isMisplaced: boolean;
}

/**
 * @param before live hosts when the record was last placed
 * @param after  live hosts now
 * @param self   this host, a holder
 */
export function planMove(
  record: SignedRecord,
  before: readonly string[],
  after: readonly string[],
  self: string,
): Move {
  const now = placeInSubnet(record, after);
  if (now === null) return { copyTo: [], isMisplaced: false };
  const then = placeInSubnet(record, before) ?? [];
  // Of the former holders still here the first copies, so that each copy is sent once.
  const mover = then.find((host) => after.includes(host)) ?? self;
  const copyTo = mover === self ? now.filter((host) => !then.includes(host) && host !== self) : [];
  return { copyTo, isMisplaced: !now.includes(self) };
}

/**
 * Where a leaving host's record goes.
 *
 * @param others the hosts that stay, not empty
 */
export function placeOnLeave(record: SignedRecord, others: readonly string[]): string[] {
  return placeInSubnet(record, others) ?? placeCopies(record.key, others, 1);
}
