/** mDHT: the hosts of a link form one subnet, and every subnet is one node of a DHT. */
export type * from "./types.ts";
export { OverlayError, type OverlayErrorCode } from "./errors.ts";
export { initOverlay, startOverlay } from "./io/overlay.ts";
export { forgetState } from "./io/state.ts";
export type { OverlayOptions, OverlayParts } from "./io/options.ts";
