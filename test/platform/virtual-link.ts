/** A link in memory, in virtual time: hosts whose machines wake, and packets on their way. */

const DELAY_MS = 1;

export interface VirtualHost {
  readonly machine: { readonly wakeAtMs: number };
  /** It neither hears nor wakes. */
  isCut: boolean;
}

export abstract class VirtualLink<Host extends VirtualHost, Event> {
  readonly hosts: Host[] = [];
  nowMs: number;
  readonly #queue: { readonly atMs: number; readonly run: () => void }[] = [];

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  /** Gives the event to the host's machine now, and does what it answers. */
  abstract feed(host: Host, event: Event | { readonly type: "tick" }): void;

  run(forMs: number): void {
    const endMs = this.nowMs + forMs;
    for (;;) {
      this.#queue.sort((a, b) => a.atMs - b.atMs);
      const delivery = this.#queue[0];
      const live = this.hosts.filter(({ isCut }) => !isCut);
      const due = live.toSorted((a, b) => a.machine.wakeAtMs - b.machine.wakeAtMs)[0];
      const nextMs = Math.min(delivery?.atMs ?? Infinity, due?.machine.wakeAtMs ?? Infinity);
      if (nextMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      if (delivery !== undefined && delivery.atMs === nextMs) {
        this.#queue.shift();
        delivery.run();
      } else this.feed(due!, { type: "tick" });
    }
    this.nowMs = endMs;
  }

  /** Arrives after 1 ms, unless the host has been cut off by then. */
  deliver(host: Host, event: Event): void {
    const run = (): void => {
      if (!host.isCut) this.feed(host, event);
    };
    this.#queue.push({ atMs: this.nowMs + DELAY_MS, run });
  }
}
