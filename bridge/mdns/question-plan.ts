/**
 * What is to be asked, and when: after one second, two, four, up to once an hour (RFC 6762 §5.2).
 */
import { CLASS_IN, type DnsQuestion } from "../../platform/dns/message.ts";
import { type DnsName, nameKey } from "../../platform/dns/name.ts";

const FIRST_WAIT_MS = 1_000;
const WAIT_MAX_MS = 3_600_000;

interface Planned {
  readonly question: DnsQuestion;
  /** Who wants it; asked as long as somebody does. */
  readonly owners: Set<string>;
  atMs: number;
  waitMs: number;
}

export class QuestionPlan {
  readonly #planned = new Map<string, Planned>();

  get wakeAtMs(): number {
    let wakeAtMs = Infinity;
    for (const { atMs } of this.#planned.values()) wakeAtMs = Math.min(wakeAtMs, atMs);
    return wakeAtMs;
  }

  get size(): number {
    return this.#planned.size;
  }

  /** @param atMs when to ask first, unless it is asked already */
  want(name: DnsName, code: number, owner: string, atMs: number): void {
    const key = questionKey(name, code);
    const known = this.#planned.get(key);
    if (known !== undefined) {
      known.owners.add(owner);
      return;
    }
    const question = { name, code, class: CLASS_IN, isUnicast: false };
    this.#planned.set(key, {
      question,
      owners: new Set([owner]),
      atMs,
      waitMs: FIRST_WAIT_MS,
    });
  }

  unwant(name: DnsName, code: number, owner: string): void {
    const key = questionKey(name, code);
    const planned = this.#planned.get(key);
    planned?.owners.delete(owner);
    if (planned?.owners.size === 0) this.#planned.delete(key);
  }

  /** Asks everything anew, as on another link. */
  restart(atMs: number): void {
    for (const planned of this.#planned.values()) {
      planned.atMs = atMs;
      planned.waitMs = FIRST_WAIT_MS;
    }
  }

  /**
   * §7.3: another host asks the same just before our own turn, so ours need not.
   *
   * The first time is ours, since that host does not answer itself.
   */
  hear({ name, code, isUnicast }: DnsQuestion, nowMs: number): void {
    const planned = this.#planned.get(questionKey(name, code));
    if (planned === undefined || isUnicast || planned.waitMs === FIRST_WAIT_MS) return;
    if (planned.atMs - nowMs <= FIRST_WAIT_MS) postpone(planned, nowMs);
  }

  /** @returns questions that are due, as far as they are allowed; the others stay so */
  due(nowMs: number, isAllowed: () => boolean): DnsQuestion[] {
    const due = [...this.#planned.values()].filter(({ atMs }) => nowMs >= atMs);
    const asked = due.filter(isAllowed);
    for (const planned of asked) postpone(planned, nowMs);
    return asked.map(({ question }) => question);
  }
}

function postpone(planned: Planned, nowMs: number): void {
  planned.atMs = nowMs + planned.waitMs;
  planned.waitMs = Math.min(planned.waitMs * 2, WAIT_MAX_MS);
}

export function questionKey(name: DnsName, code: number): string {
  return `${nameKey(name)} ${code}`;
}
