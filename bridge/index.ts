/** What other folders see of the bridge. */
export { BridgeError, type BridgeErrorCode } from "./errors.ts";
