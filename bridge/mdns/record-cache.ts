/**
 * Records heard on the link (RFC 6762 §5.2, §10), as long as they live.
 *
 * Bounded: whoever is on the link can send such records. A source that brings too many gets no
 * more room; when all is full, the source with the most loses its oldest.
 */
import type { DnsRecord } from "../../platform/dns/message.ts";
import { type DnsName, nameKey } from "../../platform/dns/name.ts";
import { recordCode, recordKey } from "../../platform/dns/record.ts";
import { OTHER_TTL_S } from "./own-records.ts";

export const RECORDS_MAX = 8_192;
export const RECORDS_PER_SOURCE_MAX = 2_048;
/** Nobody needs longer, and what is false goes the sooner. */
const TTL_MAX_S = OTHER_TTL_S;
/** §10.1: a goodbye takes a second; §10.2: so does a flush. */
const FAREWELL_MS = 1_000;
/** §5.2: when to ask again, as shares of the lifetime. */
const REFRESH_AT = [0.8, 0.85, 0.9, 0.95] as const;
/** §5.2: up to 2 % later, so that not all caches ask at once. */
const REFRESH_JITTER = 0.02;
/** How much of a life a refresh may come early. */
const EARLY_SHARE = 0.02;

export interface CachedRecord {
  readonly key: string;
  readonly record: DnsRecord;
  readonly source: string;
  heardAtMs: number;
  expiresAtMs: number;
  /** When to ask for it again; Infinity once it is not to be. */
  refreshAtMs: number;
  /** Somebody said goodbye to it, or has another; it ends unless it is heard again. */
  isLeaving: boolean;
}

interface Entry extends CachedRecord {
  refreshes: number;
  jitter: number;
}

export class RecordCache {
  readonly #byName = new Map<string, Map<string, Entry>>();
  readonly #bySource = new Map<string, Set<Entry>>();
  #size = 0;
  /** Never later than the first thing to be done. */
  #wakeAtMs = Infinity;
  /** Records that found no room, or lost it. */
  refused = 0;

  get size(): number {
    return this.#size;
  }

  get wakeAtMs(): number {
    return this.#wakeAtMs;
  }

  find(name: DnsName, code: number): CachedRecord[] {
    const entries = this.#byName.get(nameKey(name))?.values() ?? [];
    return [...entries].filter(({ record }) => recordCode(record) === code);
  }

  has(record: DnsRecord): boolean {
    return this.#byName.get(nameKey(record.name))?.has(recordKey(record)) ?? false;
  }

  /**
   * Takes a record in.
   *
   * @param jitter 0 to 1
   * @returns what has to be looked at anew: the record's own name, and of those that lost their room
   */
  hear(record: DnsRecord, source: string, jitter: number, nowMs: number): DnsRecord[] {
    const key = recordKey(record);
    const known = this.#byName.get(nameKey(record.name))?.get(key);
    if (record.ttlS === 0) {
      if (known !== undefined) this.#expireAt(known, nowMs + FAREWELL_MS);
      return known === undefined ? [] : [record];
    }
    const lost = known === undefined ? this.#makeRoom(source) : [];
    if (lost === undefined) return [];
    const isNews = known?.isLeaving ?? true;
    const entry = known ?? this.#insert({ ...record, isFlush: false }, key, source, nowMs);
    entry.jitter = jitter;
    entry.refreshes = 0;
    entry.isLeaving = false;
    entry.heardAtMs = nowMs;
    entry.expiresAtMs = nowMs + Math.min(record.ttlS, TTL_MAX_S) * 1000;
    entry.refreshAtMs = refreshAt(entry);
    this.#wakeAtMs = Math.min(this.#wakeAtMs, entry.refreshAtMs);
    return [...(isNews ? [record] : []), ...lost];
  }

  /**
   * §10.2: others of that name and type heard more than a second ago are no more.
   *
   * @param keptMs how lately heard ones stay; 0 when it is known that none should
   * @returns whether there were any
   */
  flush(record: DnsRecord, nowMs: number, keptMs = FAREWELL_MS): boolean {
    const code = recordCode(record);
    let isNews = false;
    for (const entry of this.#byName.get(nameKey(record.name))?.values() ?? []) {
      const isOlder = keptMs === 0 || nowMs - entry.heardAtMs > keptMs;
      if (!isOlder || entry.isLeaving || recordCode(entry.record) !== code) continue;
      this.#expireAt(entry, nowMs + FAREWELL_MS);
      isNews = true;
    }
    return isNews;
  }

  /** Perhaps another link: what is not heard again soon is gone. */
  doubt(isOnLink: (source: string) => boolean, untilMs: number, nowMs: number): void {
    for (const entries of this.#byName.values())
      for (const entry of entries.values())
        this.#expireAt(entry, isOnLink(entry.source) ? untilMs : nowMs);
  }

  /** Forgets what nobody asks for any more. */
  forget(isWanted: (record: DnsRecord) => boolean): void {
    for (const entries of [...this.#byName.values()])
      for (const entry of [...entries.values()]) if (!isWanted(entry.record)) this.#remove(entry);
  }

  /**
   * Takes out what has expired.
   *
   * @param aheadMs refreshes due within this go along, so that they share messages
   */
  tick(
    nowMs: number,
    aheadMs: number,
  ): { readonly expired: DnsRecord[]; readonly stale: DnsRecord[] } {
    const expired: DnsRecord[] = [];
    const stale: DnsRecord[] = [];
    if (nowMs < this.#wakeAtMs) return { expired, stale };
    const entries = [...this.#byName.values()].flatMap((same) => [...same.values()]);
    const isRefresh = entries.some(({ refreshAtMs }) => nowMs >= refreshAtMs);
    this.#wakeAtMs = Infinity;
    for (const entry of entries) {
      if (nowMs >= entry.expiresAtMs) {
        this.#remove(entry);
        expired.push(entry.record);
        continue;
      }
      const earlyMs = Math.min(aheadMs, (entry.expiresAtMs - entry.heardAtMs) * EARLY_SHARE);
      if (isRefresh && nowMs + earlyMs >= entry.refreshAtMs) {
        // After a sleep several are due, and one question does.
        do {
          entry.refreshes++;
          entry.refreshAtMs = refreshAt(entry);
        } while (entry.refreshAtMs <= nowMs);
        stale.push(entry.record);
      }
      this.#wakeAtMs = Math.min(this.#wakeAtMs, entry.refreshAtMs, entry.expiresAtMs);
    }
    return { expired, stale };
  }

  #expireAt(entry: Entry, atMs: number): void {
    entry.expiresAtMs = Math.min(entry.expiresAtMs, atMs);
    entry.refreshAtMs = Infinity;
    entry.isLeaving = true;
    this.#wakeAtMs = Math.min(this.#wakeAtMs, entry.expiresAtMs);
  }

  /** @returns what went for it; `undefined` when there is no room for this source */
  #makeRoom(source: string): DnsRecord[] | undefined {
    const own = this.#bySource.get(source)?.size ?? 0;
    if (own >= RECORDS_PER_SOURCE_MAX) {
      this.refused++;
      return undefined;
    }
    if (this.#size < RECORDS_MAX) return [];
    this.refused++;
    const greediest = [...this.#bySource.values()].reduce((a, b) => (b.size > a.size ? b : a));
    if (greediest.size <= own) return undefined;
    const [oldest] = greediest;
    this.#remove(oldest!);
    return [oldest!.record];
  }

  #insert(record: DnsRecord, key: string, source: string, nowMs: number): Entry {
    const entry: Entry = {
      key,
      record,
      source,
      heardAtMs: nowMs,
      expiresAtMs: Infinity,
      refreshAtMs: Infinity,
      isLeaving: false,
      refreshes: 0,
      jitter: 0,
    };
    const at = nameKey(record.name);
    this.#byName.set(at, (this.#byName.get(at) ?? new Map<string, Entry>()).set(key, entry));
    this.#bySource.set(source, (this.#bySource.get(source) ?? new Set<Entry>()).add(entry));
    this.#size++;
    return entry;
  }

  #remove(entry: Entry): void {
    const at = nameKey(entry.record.name);
    const same = this.#byName.get(at);
    if (same?.delete(entry.key) !== true) return;
    if (same.size === 0) this.#byName.delete(at);
    const ofSource = this.#bySource.get(entry.source);
    ofSource?.delete(entry);
    if (ofSource?.size === 0) this.#bySource.delete(entry.source);
    this.#size--;
  }
}

function refreshAt({ heardAtMs, expiresAtMs, refreshes, jitter }: Entry): number {
  const share = REFRESH_AT[refreshes];
  if (share === undefined) return Infinity;
  return heardAtMs + (expiresAtMs - heardAtMs) * (share + jitter * REFRESH_JITTER);
}
