/** The one place where the parts are put together: a running daemon, from its configuration. */
import { randomInt } from "node:crypto";
import { startBridge } from "../bridge/index.ts";
import type { Bridge, BridgeOptions, BridgeParts } from "../bridge/index.ts";
import { forgetState, startOverlay } from "../overlay/index.ts";
import type { Overlay, OverlayOptions } from "../overlay/index.ts";
import type { Clock } from "../platform/clock.ts";
import { errorMessage } from "../platform/errors.ts";
import { servePings } from "./ping.ts";
import { createMetrics } from "../platform/io/metrics.ts";
import type { Metrics } from "../platform/io/metrics.ts";
import { createSystemClock } from "../platform/io/system-clock.ts";
import { createRandom } from "../platform/random.ts";
import type { ReloadAnswer, StatusAnswer, StoppedLine } from "./api/api-types.ts";
import type { ApiSubject, StopHow } from "./api/routes.ts";
import { startApi } from "./api/server.ts";
import type { ApiServer } from "./api/server.ts";
import { claimSocket } from "./api/socket.ts";
import { compareConfigs } from "./config/compare.ts";
import type { Config } from "./config/settings.ts";
import { rulesOfConfig } from "./configured-rules.ts";
import { groupId } from "./groups.ts";
import { ServiceFeeds } from "./service-feeds.ts";
import { openStateDirectory } from "./state-directory.ts";
import type { StateDirectory } from "./state-directory.ts";
import type { LeveledLog } from "./text-log.ts";
import { readVersion } from "../platform/io/version.ts";

/** How long the overlay may take to hand over and say goodbye. */
const STOP_TIMEOUT_MS = 10_000;
/** How long the bridge may take to withdraw what it shows. */
const BRIDGE_STOP_TIMEOUT_MS = 5_000;

export interface DaemonOptions {
  readonly config: Config;
  /** One-time token of the overlay to join. Null: none. */
  readonly token: string | null;
  /** Reads the configuration anew; throws `ConfigError` when it is bad. */
  readonly reread: () => Config;
}

/** What a daemon is made of; a test passes an overlay of its own. */
export interface DaemonParts {
  readonly log: LeveledLog;
  readonly clock: Clock;
  readonly startOverlay: typeof startOverlay;
  /** `undefined`: no bridge. Default the real one. */
  readonly startBridge:
    ((options: BridgeOptions, parts: BridgeParts) => Promise<Bridge>) | undefined;
  readonly forgetState: typeof forgetState;
}

export interface Daemon {
  /** Resolves when everything is let go, whoever asked for it. */
  readonly stopped: Promise<StoppedLine>;
  stop(how: StopHow): Promise<StoppedLine>;
  /** @throws {ConfigError} when the file is bad; nothing has changed then */
  reload(): ReloadAnswer;
}

/** The machine's clock, or a lab's host's. */
function hostClock(): Clock {
  return createSystemClock({ wallOffsetFile: process.env["CAUSEWAY_LAB_CLOCK"] || null });
}

/**
 * Starts a daemon; resolves when its local API answers.
 *
 * @throws {CodedError} when state, socket, port or link cannot be had; nothing is left behind then
 */
export async function startDaemon(
  options: DaemonOptions,
  given: Pick<DaemonParts, "log"> & Partial<DaemonParts>,
): Promise<Daemon> {
  const parts: DaemonParts = {
    clock: hostClock(),
    startOverlay,
    startBridge,
    forgetState,
    ...given,
  };
  const { config, token, reread, ...rest } = options;
  rest satisfies Record<string, never>;
  const configured = rulesOfConfig(config);
  const group = groupId(config.group);
  const state = openStateDirectory(config.state, group);
  const metrics = createMetrics();
  const random = createRandom(config.seed ?? randomInt(2 ** 32));
  let overlay: Overlay | undefined;
  let bridge: Bridge | undefined;
  try {
    // Before the overlay starts, so that a second daemon disturbs nobody.
    await claimSocket(config.socket);
    overlay = await parts.startOverlay(overlayOptions(config, token), {
      clock: parts.clock,
      random,
      log: parts.log,
      metrics,
    });
    bridge = await parts.startBridge?.(
      { stateDir: config.state, backend: config["bridge.backend"], configured },
      { overlay, clock: parts.clock, random, log: parts.log, metrics },
    );
    const daemon = new RunningDaemon(config, reread, state, { overlay, bridge }, metrics, parts);
    await daemon.serve(group);
    return daemon;
  } catch (error) {
    await bridge?.stop().catch((second: unknown) => {
      parts.log.warn("bridge not stopped", { reason: errorMessage(second) });
    });
    await overlay?.stop().catch((second: unknown) => {
      parts.log.warn("overlay not stopped", { reason: errorMessage(second) });
    });
    state.close();
    throw error;
  }
}

function overlayOptions(config: Config, token: string | null): OverlayOptions {
  return {
    stateDir: config.state,
    interface: config.interface,
    port: config.port,
    token,
    allowsWan: config.wan,
    isOpen: config.open,
    hostName: config.name,
    replicas: config.replicas,
    storageMaxBytes: config["storage.maxBytes"],
    recordsPerKeyMax: config["records.perKeyMax"],
    mapsPorts: config.portMapping === "auto",
    relay: {
      reservationsMax: config["relay.reservations"],
      connectionBytesMax: config["relay.connectionMaxBytes"],
    },
  };
}

class RunningDaemon implements Daemon, ApiSubject {
  readonly stopped: Promise<StoppedLine>;
  readonly overlay: Overlay;
  readonly bridge: Bridge | undefined;
  readonly feeds = new ServiceFeeds();
  readonly #resolveStopped: (line: StoppedLine) => void;
  readonly #reread: () => Config;
  readonly #state: StateDirectory;
  readonly #metrics: Metrics;
  readonly #parts: DaemonParts;
  readonly #startedAtMs: number;
  readonly #version = readVersion();
  #config: Config;
  #api: ApiServer | undefined;
  #stopping: Promise<StoppedLine> | undefined;

  constructor(
    config: Config,
    reread: () => Config,
    state: StateDirectory,
    { overlay, bridge }: { readonly overlay: Overlay; readonly bridge: Bridge | undefined },
    metrics: Metrics,
    parts: DaemonParts,
  ) {
    ({ promise: this.stopped, resolve: this.#resolveStopped } =
      Promise.withResolvers<StoppedLine>());
    this.overlay = overlay;
    this.bridge = bridge;
    this.#config = config;
    this.#reread = reread;
    this.#state = state;
    this.#metrics = metrics;
    this.#parts = parts;
    this.#startedAtMs = parts.clock.monotonicMs();
    servePings(overlay.streams);
    metrics.gauge("daemon_is_healthy", "1 while the health is healthy, else 0", () =>
      overlay.status().health === "healthy" ? 1 : 0,
    );
  }

  async serve(group: number | undefined): Promise<void> {
    const options = { socket: this.#config.socket, groupId: group };
    const { log } = this.#parts;
    this.#api = await startApi(options, this, { log, metrics: this.#metrics });
  }

  config(): Config {
    return this.#config;
  }

  about(): StatusAnswer["daemon"] {
    return {
      pid: process.pid,
      version: this.#version,
      uptimeMs: Math.round(this.#parts.clock.monotonicMs() - this.#startedAtMs),
      state: this.#config.state,
      socket: this.#config.socket,
    };
  }

  metrics(): Promise<string> | undefined {
    return this.#config.metrics ? this.#metrics.text() : undefined;
  }

  reload(): ReloadAnswer {
    const { log } = this.#parts;
    let next: Config;
    try {
      next = this.#reread();
      const configured = rulesOfConfig(next);
      this.bridge?.configure(configured);
    } catch (error) {
      log.error("configuration not reloaded, the old one holds", { reason: errorMessage(error) });
      throw error;
    }
    const { merged, changed, needRestart } = compareConfigs(this.#config, next);
    this.#config = merged;
    log.setLevel(merged["log.level"]);
    log.info("configuration reloaded", { changed, needRestart });
    return { changed, needRestart };
  }

  stop(how: StopHow): Promise<StoppedLine> {
    this.#stopping ??= this.#stop(how);
    return this.#stopping;
  }

  async #stop(how: StopHow): Promise<StoppedLine> {
    const { log } = this.#parts;
    log.info("stopping", { how });
    this.#api?.refuse();
    const problem = await this.#letGo(how);
    if (problem !== undefined) log.warn("stopped with a problem", { reason: problem });
    else log.info("stopped");
    const line = { stopped: true, ...(problem === undefined ? {} : { problem }) };
    // The client that asked hears of it before its connection closes.
    void this.#api?.close().then(() => this.#resolveStopped(line));
    return line;
  }

  /** Gives back what did not work; whatever it is, the daemon ends. */
  async #letGo(how: StopHow): Promise<string | undefined> {
    const problems: string[] = [];
    const attempt = async (work: () => Promise<void>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        problems.push(errorMessage(error));
      }
    };
    const { bridge } = this;
    if (bridge !== undefined)
      await attempt(() => withinMs("the bridge", BRIDGE_STOP_TIMEOUT_MS, bridge.stop()));
    await attempt(() => withinMs("handing over", STOP_TIMEOUT_MS, this.#stopOverlay(how)));
    if (how === "forget") {
      await attempt(() => this.#parts.forgetState(this.#state.path));
      await attempt(async () => this.#state.wipe());
    }
    this.#state.close();
    return problems.length > 0 ? problems.join("; ") : undefined;
  }

  async #stopOverlay(how: StopHow): Promise<void> {
    if (how !== "down") await this.overlay.leave();
    await this.overlay.stop();
  }
}

async function withinMs(what: string, limitMs: number, work: Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`${what} took more than ${limitMs / 1000} s and was cut short`)),
    limitMs,
  );
  try {
    await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
