/**
 * What is known of services elsewhere, from all who say something of them; the newest word holds.
 *
 * Several hosts may speak of one service: who exports it now, who did before it was killed, and whose record lives on
 * for minutes. The version decides, never the time of arrival: in mDNS the older record would win, and
 * here it must not (draft-ietf-dnssd-tsr has the same rule). But the word of a host of the origin's own subnet
 * stands above any version of somebody who only says so.
 */
import { originIdOf, type ServiceRecord } from "./service-record.ts";

const SPEAKERS_MAX = 8;

/** One publisher's record of a service, under one key. */
export interface Statement {
  readonly record: ServiceRecord;
  /** Host id that signed it. */
  readonly publisher: string;
  /** The text of the key that it was found under. */
  readonly key: string;
  readonly slot: string;
  /** Monotonic. */
  readonly deadlineMs: number;
  /** Its publisher is, or was when this was heard, a host of the subnet that it names. */
  readonly isVerified: boolean;
}

/** The present word on a service. */
export interface KnownService {
  readonly originId: string;
  readonly record: ServiceRecord;
  readonly publisher: string;
  readonly deadlineMs: number;
  readonly isVerified: boolean;
  /** Texts of the keys that this version, or an older one still there, stands under. */
  readonly keys: ReadonlySet<string>;
}

interface Entry {
  /** By publisher, key and slot. */
  readonly statements: Map<string, Statement>;
  /** Versions below are void, as long as any of them may be around. */
  floor: bigint;
}

export class FreshnessBook {
  readonly #entries = new Map<string, Entry>();
  /** Which service a record was of, since a removal names the slot alone. */
  readonly #origins = new Map<string, string>();
  readonly #originsMax: number;

  constructor(originsMax: number) {
    this.#originsMax = originsMax;
  }

  get originIds(): Iterable<string> {
    return this.#entries.keys();
  }

  /** @returns the origin id; `undefined` when there is no room for it */
  add(statement: Statement): string | undefined {
    const originId = originIdOf(statement.record);
    const name = statementName(statement);
    const former = this.#origins.get(name);
    if (former !== undefined && former !== originId) this.remove(statement);
    let entry = this.#entries.get(originId);
    if (entry === undefined) {
      if (this.#entries.size >= this.#originsMax) return undefined;
      entry = { statements: new Map(), floor: 0n };
      this.#entries.set(originId, entry);
    }
    const speakers = new Set([...entry.statements.values()].map(({ publisher }) => publisher));
    if (speakers.size >= SPEAKERS_MAX && !speakers.has(statement.publisher)) return undefined;
    // Who was of that subnet when it was heard first may have died since.
    const isVerified = statement.isVerified || entry.statements.get(name)?.isVerified === true;
    entry.statements.set(name, { ...statement, isVerified });
    this.#origins.set(name, originId);
    return originId;
  }

  /**
   * Its publisher took it back, so what is older than it is void too.
   *
   * @returns the origin id, if such a record was known
   */
  remove(which: Pick<Statement, "publisher" | "key" | "slot">): string | undefined {
    const name = statementName(which);
    const originId = this.#origins.get(name);
    const entry = originId === undefined ? undefined : this.#entries.get(originId);
    const gone = entry?.statements.get(name);
    this.#origins.delete(name);
    if (originId === undefined || entry === undefined || gone === undefined) return undefined;
    entry.statements.delete(name);
    const isStillSaid = [...entry.statements.values()].some(
      (one) => one.publisher === gone.publisher,
    );
    if (!isStillSaid && gone.isVerified && gone.record.version > entry.floor)
      entry.floor = gone.record.version;
    this.#dropIfEmpty(originId, entry);
    return originId;
  }

  /** More is known of who is where. @returns origin ids of what is verified by now */
  verify(isOfOrigin: (record: ServiceRecord, publisher: string) => boolean): readonly string[] {
    const verified: string[] = [];
    for (const [originId, { statements }] of this.#entries)
      for (const [name, one] of statements) {
        if (one.isVerified || !isOfOrigin(one.record, one.publisher)) continue;
        statements.set(name, { ...one, isVerified: true });
        verified.push(originId);
      }
    return verified;
  }

  /** Its lifetime ended: says nothing of what others say. @returns the origin ids concerned */
  expire(nowMs: number): readonly string[] {
    const expired: string[] = [];
    for (const [originId, entry] of this.#entries) {
      for (const [name, { deadlineMs }] of entry.statements) {
        if (deadlineMs > nowMs) continue;
        entry.statements.delete(name);
        this.#origins.delete(name);
        expired.push(originId);
      }
      this.#dropIfEmpty(originId, entry);
    }
    return expired;
  }

  /** When the next record ends; Infinity when none does. */
  nextExpiryMs(): number {
    let next = Infinity;
    for (const { statements } of this.#entries.values())
      for (const { deadlineMs } of statements.values()) next = Math.min(next, deadlineMs);
    return next;
  }

  /** `undefined` when nobody speaks of it, or the newest word is that it is gone. */
  get(originId: string): KnownService | undefined {
    const entry = this.#entries.get(originId);
    const newest = entry === undefined ? undefined : newestOf(entry);
    if (entry === undefined || newest === undefined || newest.record.isWithdrawn) return undefined;
    const { record, publisher, deadlineMs, isVerified } = newest;
    const keys = new Set([...entry.statements.values()].map(({ key }) => key));
    return { originId, record, publisher, deadlineMs, isVerified, keys };
  }

  #dropIfEmpty(originId: string, entry: Entry): void {
    if (entry.statements.size === 0) this.#entries.delete(originId);
  }
}

function newestOf({ statements, floor }: Entry): Statement | undefined {
  let newest: Statement | undefined;
  for (const one of statements.values())
    if (one.record.version > floor && (newest === undefined || isNewer(one, newest))) newest = one;
  return newest;
}

/** Verified ones first, then the newer; of one version the later one to end, then the smaller publisher: any order that all share. */
function isNewer(a: Statement, b: Statement): boolean {
  if (a.isVerified !== b.isVerified) return a.isVerified;
  if (a.record.version !== b.record.version) return a.record.version > b.record.version;
  if (a.publisher !== b.publisher) return a.publisher < b.publisher;
  return a.deadlineMs > b.deadlineMs;
}

function statementName({ publisher, key, slot }: Pick<Statement, "publisher" | "key" | "slot">) {
  return JSON.stringify([publisher, key, slot]);
}
