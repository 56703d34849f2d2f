/** z2z: Zeroconf services of one subnet seen, and used, in every other. */
export type * from "./types.ts";
export { BridgeError, type BridgeErrorCode } from "./errors.ts";
export { RelayEntry, type EnteredPort, type EnteredService } from "./io/relay-entry.ts";
export { RelayExit, type Resolution } from "./io/relay-exit.ts";
