/**
 * How far a record's version may go, so that nobody is locked out of a slot of their own.
 *
 * A publisher counts its puts, and follows a holder that remembers more, as after the loss of its
 * state. A holder may lie: what it claims is followed to a bound that no count of puts reaches, and
 * holders take versions far beyond that, so there is always room to go on. No clock is asked.
 */
import { OverlayError } from "../errors.ts";
import type { SignedRecord } from "./record.ts";

/** A put every millisecond for 8,900 years. */
export const FLOOR_FOLLOWED_MAX = 2n ** 48n;
/** Beyond it lies only mischief, or a publisher gone wrong. */
export const VERSION_TAKEN_MAX = 2n ** 56n;

/** The version that a publisher tries after a holder claimed to know `floor`; absent: a lie. */
export function versionAfter(floor: bigint): bigint | undefined {
  return floor <= FLOOR_FOLLOWED_MAX ? floor + 1n : undefined;
}

/** @throws {OverlayError} ERR_OVERLAY_RECORD for a version that no publisher counts up to */
export function checkVersionTaken({ version }: SignedRecord): void {
  if (version > VERSION_TAKEN_MAX)
    throw new OverlayError(
      "ERR_OVERLAY_RECORD",
      `version ${version} is too far ahead; publish one up to ${VERSION_TAKEN_MAX}`,
    );
}
