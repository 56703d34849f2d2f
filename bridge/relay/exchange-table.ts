/**
 * The UDP exchanges of a service: who has one, how long it has been idle, and which one gives way.
 *
 * An exchange ends when nothing went either way for `idleMs`; RFC 4787 §4.3 wants two minutes at
 * least. When there is no room, the one that is idle longest ends, if it is idle long enough that
 * its question must have been answered.
 */

export interface ExchangeRules {
  readonly idleMs: number;
  readonly exchangesMax: number;
  /** An exchange that was used more recently than this does not give way. */
  readonly busyMs: number;
}

interface Entry<Exchange> {
  readonly exchange: Exchange;
  usedAtMs: number;
}

export class ExchangeTable<Exchange> {
  readonly #rules: ExchangeRules;
  /** The one used longest ago first. */
  readonly #entries = new Map<string, Entry<Exchange>>();

  constructor(rules: ExchangeRules) {
    this.#rules = rules;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** When the next one is idle for too long; Infinity when there is none. */
  get wakeAtMs(): number {
    for (const { usedAtMs } of this.#entries.values()) return usedAtMs + this.#rules.idleMs;
    return Infinity;
  }

  /** The exchange of that client, used now. */
  use(client: string, nowMs: number): Exchange | undefined {
    const entry = this.#entries.get(client);
    if (entry === undefined) return undefined;
    entry.usedAtMs = nowMs;
    this.#entries.delete(client);
    this.#entries.set(client, entry);
    return entry.exchange;
  }

  /** Whether there is room for one more. @returns what must end for it; `full` when nothing may */
  makeRoom(nowMs: number): Exchange | "full" | undefined {
    const { exchangesMax, busyMs } = this.#rules;
    if (this.#entries.size < exchangesMax) return undefined;
    for (const [client, { exchange, usedAtMs }] of this.#entries) {
      if (nowMs - usedAtMs < busyMs) break;
      this.#entries.delete(client);
      return exchange;
    }
    return "full";
  }

  add(client: string, exchange: Exchange, nowMs: number): void {
    this.#entries.set(client, { exchange, usedAtMs: nowMs });
  }

  /** Forgets it, if it is still that one. */
  remove(client: string, exchange: Exchange): void {
    if (this.#entries.get(client)?.exchange === exchange) this.#entries.delete(client);
  }

  /** Takes out those that have been idle for too long. */
  takeIdle(nowMs: number): readonly Exchange[] {
    const idle: Exchange[] = [];
    for (const [client, { exchange, usedAtMs }] of this.#entries) {
      if (nowMs - usedAtMs < this.#rules.idleMs) break;
      this.#entries.delete(client);
      idle.push(exchange);
    }
    return idle;
  }

  takeAll(): readonly Exchange[] {
    const all = [...this.#entries.values()].map(({ exchange }) => exchange);
    this.#entries.clear();
    return all;
  }
}
