/**
 * When a subnet's key is to be replaced, and by which of its hosts. Design, "Trust".
 */
import type { Revoked } from "../identity/revoked.ts";

/** Time for a sibling before this one to act, and for the news to reach it. */
export const ROTATION_RANK_DELAY_MS = 1_000;
const ROTATION_BASE_DELAY_MS = 100;

/** A host of the subnet that may rotate its key. */
export interface RotationCandidate {
  readonly id: string;
  /** Whether it may admit to the whole overlay, and so makes claims of later generations. */
  readonly mayAdmit: boolean;
}

/** Whether somebody who was removed has held the key. */
export function isKeyExposed(
  revoked: Revoked,
  maker: Uint8Array,
  chains: readonly (readonly Uint8Array[])[],
): boolean {
  if (revoked.isEmpty) return false;
  if (revoked.of(maker) !== undefined) return true;
  return chains.some((chain) => revoked.refusalOf(chain) !== undefined);
}

export interface RotationTurn {
  readonly delayMs: number;
  /** No host of the subnet may make the claim: one elsewhere is asked to. */
  readonly asksElsewhere: boolean;
}

/**
 * Whose turn it is: the admitting host with the smallest id, the next ones each a second later; so
 * all live hosts where none may admit.
 *
 * @param live hosts of the subnet that are not removed, this one included
 * @returns null when this host leaves it to others
 */
export function takeTurn(self: string, live: readonly RotationCandidate[]): RotationTurn | null {
  const admitting = live.filter(({ mayAdmit }) => mayAdmit);
  const acting = admitting.length > 0 ? admitting : live;
  const rank = acting
    .map(({ id }) => id)
    .toSorted()
    .indexOf(self);
  if (rank < 0) return null;
  return {
    delayMs: ROTATION_BASE_DELAY_MS + rank * ROTATION_RANK_DELAY_MS,
    asksElsewhere: admitting.length === 0,
  };
}
