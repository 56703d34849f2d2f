/** Streams of services that programs of this host hand in, each as long as its program listens. */
import { randomBytes } from "node:crypto";
import type { Bridge, ServiceFeed } from "../bridge/index.ts";
import { toBase32 } from "../platform/base32.ts";
import { DaemonError } from "./errors.ts";

const FEEDS_MAX = 64;

export class ServiceFeeds {
  readonly #feeds = new Map<string, ServiceFeed>();

  /** @returns the id under which `get` finds it */
  open(bridge: Bridge): string {
    if (this.#feeds.size >= FEEDS_MAX)
      throw new DaemonError(
        "ERR_DAEMON_BUSY",
        `${FEEDS_MAX} streams of services are open already; end one first`,
      );
    const id = toBase32(randomBytes(10));
    this.#feeds.set(id, bridge.openFeed());
    return id;
  }

  get(id: string): ServiceFeed | undefined {
    return this.#feeds.get(id);
  }

  /** Withdraws what came from it; a second time does nothing. */
  async close(id: string): Promise<void> {
    const feed = this.#feeds.get(id);
    this.#feeds.delete(id);
    await feed?.close();
  }
}
