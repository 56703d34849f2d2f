/** Why a record is not taken in, as far as what is known of its slot tells. */
import type { QuotaName } from "./quota-tally.ts";
import { compareRecords, isSameRecord } from "./record.ts";
import type { HeldRecord } from "./record-store.ts";
import type { VersionFloor } from "./version-floors.ts";

export type Refusal =
  /** These very bytes are here already. */
  | { readonly type: "duplicate"; readonly held: HeldRecord }
  /** `floor`: a put must be newer than this version. */
  | { readonly type: "stale"; readonly floor: bigint }
  | { readonly type: "quota"; readonly quota: QuotaName }
  | { readonly type: "expired" }
  /** Its publisher was removed from the overlay. */
  | { readonly type: "refused" };

export function refusalByHeld(
  offered: HeldRecord,
  { record, ...held }: HeldRecord,
  nowMs: number,
): Refusal | undefined {
  if (isSameRecord(offered.record, record))
    return held.deadlineMs > nowMs
      ? { type: "duplicate", held: { record, ...held } }
      : { type: "expired" };
  if (compareRecords(offered.record, record) <= 0) return { type: "stale", floor: record.version };
  return undefined;
}

export function refusalByFloor({ record }: HeldRecord, floor: VersionFloor): Refusal | undefined {
  const isBehind = record.version === floor.version && floor.isRemoved && !record.isRemoved;
  if (record.version < floor.version || isBehind) return { type: "stale", floor: floor.version };
  return undefined;
}

/** A version keeps the deadline it had; a tombstone of it counts anew. Infinity: no such version. */
export function deadlineOfSameVersion(
  { record }: HeldRecord,
  known: HeldRecord | VersionFloor | undefined,
): number {
  if (known === undefined) return Infinity;
  const { version, isRemoved } = "record" in known ? known.record : known;
  return record.version === version && record.isRemoved === isRemoved ? known.deadlineMs : Infinity;
}
