/** What to do with a record of a backup, once others have said what became of it. */
import type { Floor } from "../schema/messages.ts";

/**
 * A holder that answers a version further ahead than this knows nothing of an honest publisher:
 * one put a millisecond for half a day.
 */
export const RESTORED_LEAP_MAX = 2n ** 26n;

export type RestoredVerdict =
  /** Nobody knows of a newer version: it is this host's record again. */
  | "publish"
  /** It was replaced or removed since. */
  | "superseded"
  /** This host has published the slot anew meanwhile, or its time is over. */
  | "drop";

/**
 * @param version  of the record in the backup
 * @param present  newest version that this host itself has of the slot since
 * @param floors   what each holder asked said of the slot
 */
export function judgeRestored(
  { version, leftMs }: { readonly version: bigint; readonly leftMs: number },
  present: bigint,
  floors: readonly Floor[],
): RestoredVerdict {
  if (leftMs <= 0 || present > version) return "drop";
  return newestCredible(version, floors) === undefined ? "publish" : "superseded";
}

/** The newest answer that counts against that version. */
export function newestCredible(version: bigint, floors: readonly Floor[]): Floor | undefined {
  return floors
    .filter((one) => one.version > version && one.version - version <= RESTORED_LEAP_MAX)
    .reduce<Floor | undefined>(
      (a, b) => (a === undefined || b.version > a.version ? b : a),
      undefined,
    );
}
