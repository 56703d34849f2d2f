/**
 * Whether another site is there: a stream to one of its exporters, and a question on it every 5 s.
 *
 * Records live for minutes, so they alone would show a dead site's services for as long. A site that
 * says nothing for half a minute is silent: its services are hidden until it answers again.
 */
import type { Machine, Tick } from "../../platform/machine.ts";

export const PING_MS = 5000;
export const SILENT_MS = 30_000;
/** A site of which nothing but a record was ever heard is given less. */
const UNSEEN_MS = 15_000;
const REDIAL_MS = 1000;
/** A stream on which a question stays open so long is given up for another one. */
const ANSWER_MS = 6000;

export type SiteEvent =
  /** Who exports there, the acting one first. */
  | { readonly type: "hosts"; readonly hosts: readonly string[] }
  | { readonly type: "opened" }
  | { readonly type: "broke" }
  | { readonly type: "heard" };

export type SiteAction =
  | { readonly type: "dial"; readonly host: string }
  | { readonly type: "ping" }
  | { readonly type: "close" }
  | { readonly type: "alive"; readonly isAlive: boolean };

export class SiteMachine implements Machine<SiteEvent, SiteAction> {
  #hosts: readonly string[] = [];
  #next = 0;
  #state: "down" | "dialling" | "open" = "down";
  #isAlive = true;
  #heardMs: number;
  #silentAtMs: number;
  /** Next dial, next ping, or when a ping counts as unanswered. */
  #actAtMs: number;
  #isAsking = false;

  constructor(nowMs: number) {
    this.#heardMs = nowMs;
    this.#silentAtMs = nowMs + UNSEEN_MS;
    this.#actAtMs = nowMs;
  }

  get wakeAtMs(): number {
    const actAtMs =
      this.#state === "dialling" || this.#hosts.length === 0 ? Infinity : this.#actAtMs;
    return this.#isAlive ? Math.min(this.#silentAtMs, actAtMs) : actAtMs;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Monotonic time of the last sign of life. */
  get heardMs(): number {
    return this.#heardMs;
  }

  step(event: SiteEvent | Tick, nowMs: number): readonly SiteAction[] {
    switch (event.type) {
      case "hosts":
        this.#hosts = event.hosts;
        if (this.#next >= event.hosts.length) this.#next = 0;
        return this.#act(nowMs);
      case "opened":
        this.#state = "open";
        this.#isAsking = false;
        this.#actAtMs = nowMs;
        return this.#act(nowMs);
      case "broke":
        this.#break(nowMs);
        return [];
      case "heard":
        return this.#onHeard(nowMs);
      case "tick":
        return [...this.#fallSilent(nowMs), ...this.#act(nowMs)];
    }
  }

  #onHeard(nowMs: number): readonly SiteAction[] {
    this.#heardMs = nowMs;
    this.#silentAtMs = nowMs + SILENT_MS;
    this.#isAsking = false;
    this.#actAtMs = nowMs + PING_MS;
    if (this.#isAlive) return [];
    this.#isAlive = true;
    return [{ type: "alive", isAlive: true }];
  }

  #fallSilent(nowMs: number): readonly SiteAction[] {
    if (!this.#isAlive || nowMs < this.#silentAtMs) return [];
    this.#isAlive = false;
    return [{ type: "alive", isAlive: false }];
  }

  #act(nowMs: number): readonly SiteAction[] {
    if (nowMs < this.#actAtMs || this.#state === "dialling") return [];
    if (this.#state === "open") {
      if (this.#isAsking) {
        this.#break(nowMs);
        return [{ type: "close" }];
      }
      this.#isAsking = true;
      this.#actAtMs = nowMs + ANSWER_MS;
      return [{ type: "ping" }];
    }
    const host = this.#hosts[this.#next];
    if (host === undefined) return [];
    this.#state = "dialling";
    return [{ type: "dial", host }];
  }

  #break(nowMs: number): void {
    this.#state = "down";
    this.#isAsking = false;
    this.#next = this.#hosts.length === 0 ? 0 : (this.#next + 1) % this.#hosts.length;
    // The next host at once; when all were tried, after a while.
    this.#actAtMs = this.#next === 0 ? nowMs + REDIAL_MS : nowMs;
  }
}
