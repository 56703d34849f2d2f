/** The bridge, loaded when it is started: whoever only reads rules or lines does without it. */
import type { Bridge, BridgeOptions, BridgeParts } from "../types.ts";

/**
 * Starts the bridge; resolves when rules and files are read. Multicast DNS is looked for from then on.
 *
 * @throws {BridgeError} ERR_BRIDGE_STORAGE, or ERR_BRIDGE_RULE for a rule of the configuration
 */
export async function startBridge(options: BridgeOptions, parts: BridgeParts): Promise<Bridge> {
  const { startBridgeOnLink } = await import("./bridge-on-link.ts");
  return startBridgeOnLink(options, parts);
}
