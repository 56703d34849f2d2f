/** What hosts keep of their overlay, to test with. */
import type { OverlayState } from "../../../overlay/io/state.ts";
import { membershipOf, OVERLAY, pairOf, WALL_MS } from "../identity/members.ts";

/** A member of a locked overlay, and no authority of it. */
export function overlayStateOf(host: string, changes: Partial<OverlayState> = {}): OverlayState {
  return {
    id: OVERLAY,
    name: "harbour",
    secret: pairOf("secret").seed,
    membership: membershipOf(host),
    madeMs: WALL_MS,
    isLone: false,
    isLocked: true,
    authoritySeed: null,
    homeSubnet: null,
    backedUpAtMs: null,
    ...changes,
  };
}
