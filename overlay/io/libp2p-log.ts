/**
 * libp2p's log: silenced, but for the one thing that no event tells.
 *
 * Its default asks `isatty` at every line, 3 % of the time of a joining node; what matters is told
 * by our own events. `CAUSEWAY_LIBP2P_LOG` is not offered: a debugger serves better.
 */
import type { ComponentLogger, Logger } from "@libp2p/interface";
import { errorMessage } from "../../platform/errors.ts";

const nothing = (): void => {};

/** The upgrader's words for a connection that came in and failed before it was one. */
const UPGRADE_FAILED = "failed to upgrade %s connection";

/**
 * @param refused told of each connection that ended before there was a peer to speak of: a stranger
 *   to the private network, or one that spoke no libp2p
 */
export function createLibp2pLog(
  refused: (address: string, reason: string) => void,
): ComponentLogger {
  const error = (format: unknown, direction: unknown, _word: unknown, ...rest: unknown[]): void => {
    if (direction !== "inbound" || !String(format).startsWith(UPGRADE_FAILED)) return;
    const [address, cause] = rest;
    refused(String(address), errorMessage(cause));
  };
  const quiet: Logger = Object.assign(nothing, {
    enabled: false,
    error,
    trace: nothing,
    newScope: (): Logger => quiet,
  });
  return { forComponent: () => quiet };
}
