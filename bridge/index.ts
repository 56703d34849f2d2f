/** z2z: Zeroconf services of one subnet seen, and used, in every other. */
export type * from "./types.ts";
export { BridgeError, type BridgeErrorCode } from "./errors.ts";
