/** z2z: Zeroconf services of one subnet seen, and used, in every other. */
export type * from "./types.ts";
export { BridgeError, type BridgeErrorCode } from "./errors.ts";
export { startBridge } from "./io/start-bridge.ts";
export { RelayEntry, type EnteredPort, type EnteredService } from "./io/relay-entry.ts";
export { RelayExit, type Resolution } from "./io/relay-exit.ts";
export { configuredRules } from "./rules/configured.ts";
export { isRuleId } from "./rules/parse-rule.ts";
export { parseServiceType } from "./rules/service-type.ts";
export { parseGlob } from "./rules/glob.ts";
export { LINE_BYTES_MAX, parseServiceLine, serviceLineOf } from "./stream/service-line.ts";
