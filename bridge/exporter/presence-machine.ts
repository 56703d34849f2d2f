/**
 * Whether the hosts of exported services are still there: each is asked every two seconds, by unicast
 * (RFC 6762 §5.5), so that nobody else hears of it.
 *
 * A host that never answered such a question is not judged by it. One that did and then misses three in a
 * row is away, and asked on, ever more slowly, until it answers or the link forgets its services.
 */
import type { Machine, Tick } from "../../platform/machine.ts";

export const ASK_MS = 2000;
/** An answer comes in milliseconds; a lost packet is asked for again after this. */
export const ANSWER_MS = 500;
/** On a busy host one answer, or two, may come too late. */
const MISSES_MAX = 3;
const ASK_SLOWLY_MS = 10_000;
const HOSTS_MAX = 256;

export type PresenceEvent =
  /** Hosts to ask, with their addresses. */
  | { readonly type: "hosts"; readonly hosts: ReadonlyMap<string, readonly string[]> }
  | { readonly type: "answer"; readonly host: string; readonly isPresent: boolean };

export type PresenceAction =
  /** An `answer` is owed within `ANSWER_MS`. */
  | { readonly type: "ask"; readonly host: string; readonly addresses: readonly string[] }
  | { readonly type: "presence"; readonly host: string; readonly isPresent: boolean };

interface Asked {
  addresses: readonly string[];
  hasAnswered: boolean;
  misses: number;
  isAbsent: boolean;
  /** Somebody wants to know; who was found absent is remembered without that, and not asked. */
  isWanted: boolean;
  /** Infinity while a question is out. */
  askAtMs: number;
}

export class PresenceMachine implements Machine<PresenceEvent, PresenceAction> {
  readonly #hosts = new Map<string, Asked>();

  get wakeAtMs(): number {
    let wakeAtMs = Infinity;
    for (const { isWanted, askAtMs } of this.#hosts.values())
      if (isWanted) wakeAtMs = Math.min(wakeAtMs, askAtMs);
    return wakeAtMs;
  }

  step(event: PresenceEvent | Tick, nowMs: number): readonly PresenceAction[] {
    switch (event.type) {
      case "hosts":
        return this.#onHosts(event.hosts, nowMs);
      case "answer":
        return this.#onAnswer(event.host, event.isPresent, nowMs);
      case "tick":
        return this.#ask(nowMs);
    }
  }

  #onHosts(
    hosts: ReadonlyMap<string, readonly string[]>,
    nowMs: number,
  ): readonly PresenceAction[] {
    const unjudged: PresenceAction[] = [];
    for (const [host, asked] of this.#hosts) {
      if (hosts.has(host)) continue;
      asked.isWanted = false;
      if (asked.isAbsent && this.#hosts.size <= HOSTS_MAX) continue;
      this.#hosts.delete(host);
      // Or nobody would ever say that it is back.
      if (asked.isAbsent) unjudged.push({ type: "presence", host, isPresent: true });
    }
    for (const [host, addresses] of [...hosts].slice(0, HOSTS_MAX)) {
      const known = this.#hosts.get(host);
      if (known === undefined) {
        const first = { hasAnswered: false, misses: 0, isAbsent: false, askAtMs: nowMs };
        this.#hosts.set(host, { addresses, isWanted: true, ...first });
      } else Object.assign(known, { addresses, isWanted: true });
    }
    return [...unjudged, ...this.#ask(nowMs)];
  }

  #onAnswer(host: string, isPresent: boolean, nowMs: number): readonly PresenceAction[] {
    const asked = this.#hosts.get(host);
    if (asked === undefined) return [];
    if (isPresent) {
      const isBack = asked.isAbsent;
      Object.assign(asked, { hasAnswered: true, misses: 0, isAbsent: false });
      asked.askAtMs = nowMs + ASK_MS;
      return isBack ? [{ type: "presence", host, isPresent: true }] : [];
    }
    asked.misses++;
    const isGone = asked.hasAnswered && !asked.isAbsent && asked.misses >= MISSES_MAX;
    // Asked again at once: the packet may have been lost.
    const isAgain = asked.hasAnswered && asked.misses < MISSES_MAX;
    asked.askAtMs = nowMs + (isAgain ? 0 : asked.misses < 10 ? ASK_MS : ASK_SLOWLY_MS);
    if (isGone) asked.isAbsent = true;
    const told: PresenceAction[] = isGone ? [{ type: "presence", host, isPresent: false }] : [];
    return [...told, ...this.#ask(nowMs)];
  }

  #ask(nowMs: number): readonly PresenceAction[] {
    const actions: PresenceAction[] = [];
    for (const [host, asked] of this.#hosts) {
      if (!asked.isWanted || asked.askAtMs > nowMs) continue;
      asked.askAtMs = Infinity;
      actions.push({ type: "ask", host, addresses: asked.addresses });
    }
    return actions;
  }
}
