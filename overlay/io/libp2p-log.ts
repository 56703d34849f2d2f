/**
 * libp2p's log, silenced.
 *
 * Its default asks `isatty` at every line, 3 % of the time of a joining node; what matters is told
 * by our own events. `CAUSEWAY_LIBP2P_LOG` is not offered: a debugger serves better.
 */
import type { ComponentLogger, Logger } from "@libp2p/interface";

const nothing = (): void => {};

const silent: Logger = Object.assign(nothing, {
  enabled: false,
  error: nothing,
  trace: nothing,
  newScope: (): Logger => silent,
});

export const silentLibp2pLog: ComponentLogger = { forComponent: () => silent };
