/** A daemon as a process: its log, its signals, its end. */
import { errorMessage } from "../platform/errors.ts";
import { createLog } from "../platform/io/log.ts";
import type { Config } from "./config/settings.ts";
import { startDaemon } from "./daemon.ts";
import type { Daemon, DaemonOptions, DaemonParts } from "./daemon.ts";
import { createTextLog } from "./text-log.ts";
import type { LeveledLog } from "./text-log.ts";

/** One ^C may come twice, from the terminal and through a parent; that is still one. */
const SAME_SIGNAL_MS = 500;

/**
 * Runs a daemon until it is told to stop.
 *
 * @param onReady  called once its local API answers
 * @returns the exit status
 */
export async function runDaemon(
  options: DaemonOptions,
  onReady: () => void,
  parts: Partial<DaemonParts> = {},
): Promise<number> {
  const log = parts.log ?? createConfiguredLog(options.config);
  const crash = (error: unknown): void => {
    const stack = error instanceof Error ? error.stack : String(error);
    log.error("crashed; this is a bug", { error: stack });
    process.exit(1);
  };
  process.on("uncaughtException", crash);
  // A library's forgotten promise, such as one of a connection that just broke, is no reason to
  // take a subnet's host away.
  process.on("unhandledRejection", (error: unknown) => {
    log.error("a promise failed unheard; this is a bug", {
      error: error instanceof Error ? error.stack : String(error),
    });
  });
  const daemon = await startDaemon(options, { ...parts, log });
  handleSignals(daemon, log);
  log.info("ready", { socket: options.config.socket, state: options.config.state });
  onReady();
  const { problem } = await daemon.stopped;
  // Whatever timer or socket a library may have left shall not keep the process.
  setImmediate(() => process.exit(problem === undefined ? 0 : 1));
  return problem === undefined ? 0 : 1;
}

function createConfiguredLog(config: Config): LeveledLog {
  const { "log.level": level, "log.format": format } = config;
  const isText = format === "text" || (format === "auto" && process.stderr.isTTY);
  return isText ? createTextLog(level) : createLog({ level });
}

function handleSignals(daemon: Daemon, log: LeveledLog): void {
  let firstAtMs: number | undefined;
  const stop = (signal: NodeJS.Signals): void => {
    const nowMs = performance.now();
    if (firstAtMs === undefined) {
      firstAtMs = nowMs;
      void daemon.stop("down");
    } else if (nowMs - firstAtMs > SAME_SIGNAL_MS) {
      log.warn("stopping at once", { signal });
      process.exit(1);
    }
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  process.on("SIGHUP", () => {
    try {
      daemon.reload();
    } catch (error) {
      // Logged where it was found; the old configuration holds.
      log.debug("reload refused", { reason: errorMessage(error) });
    }
  });
}
