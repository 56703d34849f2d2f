/** Watches on the shared keys, opened again elsewhere when their daemon goes. */
import { setTimeout as sleep } from "node:timers/promises";
import { createRandom } from "../../../platform/random.ts";
import type { Bed } from "../bed.ts";
import type { FaultDriver } from "./fault-driver.ts";
import type { WatchLineSeen, WatchSession } from "./history.ts";
import type { RunClock } from "./run-clock.ts";

const AGAIN_MS = 500;

interface OpenSession extends Omit<WatchSession, "endedMs" | "lines"> {
  endedMs: number;
  readonly lines: WatchLineSeen[];
}

export interface WatchersParts {
  readonly bed: Bed;
  readonly driver: FaultDriver;
  readonly clock: RunClock;
  readonly seed: number;
}

export class Watchers {
  readonly sessions: OpenSession[] = [];
  readonly #parts: WatchersParts;

  constructor(parts: WatchersParts) {
    this.#parts = parts;
  }

  /** Watches each key at one host at a time until `signal` aborts. */
  async run(keys: readonly string[], signal: AbortSignal): Promise<void> {
    await Promise.all(keys.map((key, i) => this.#follow(key, i, signal)));
  }

  async #follow(key: string, index: number, signal: AbortSignal): Promise<void> {
    const { driver, seed } = this.#parts;
    const random = createRandom(seed * 1000 + 900 + index);
    while (!signal.aborted) {
      const host = random.pick(driver.running().filter((one) => !driver.isPaused(one)));
      if (host !== undefined) await this.#watch(key, host, signal);
      await sleep(AGAIN_MS, undefined, { signal }).catch(() => {});
    }
  }

  async #watch(key: string, host: string, signal: AbortSignal): Promise<void> {
    const { bed, driver, clock } = this.#parts;
    const incarnation = driver.incarnation(host);
    const lines: WatchLineSeen[] = [];
    const session = { key, host, incarnation, openedMs: clock(), endedMs: Infinity, lines };
    this.sessions.push(session);
    try {
      for await (const line of bed.watch(host, key, signal)) {
        if (line.type === "error") break;
        const { type, publisher, version } = line;
        const value = line.type === "put" ? (line.value ?? "") : "";
        lines.push({ atMs: clock(), type, publisher, version: Number(version), value });
      }
    } catch {
      // The daemon went; the watch goes on elsewhere.
    }
    if (!signal.aborted) session.endedMs = clock();
  }
}
