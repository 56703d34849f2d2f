/** What is said on the link of a name: by others, as the cache has it, and by ourselves. */
import type { DnsRecord } from "../../platform/dns/message.ts";
import { type DnsName, nameKey } from "../../platform/dns/name.ts";
import { recordCode, recordKey } from "../../platform/dns/record.ts";
import { RecordCache } from "./record-cache.ts";

export class LinkView {
  readonly cache = new RecordCache();
  readonly #own = new Map<string, Map<string, DnsRecord>>();

  addOwn(record: DnsRecord): void {
    const at = nameKey(record.name);
    const same = this.#own.get(at) ?? new Map<string, DnsRecord>();
    this.#own.set(at, same.set(recordKey(record), record));
  }

  removeOwn(record: DnsRecord): void {
    const at = nameKey(record.name);
    const same = this.#own.get(at);
    same?.delete(recordKey(record));
    if (same?.size === 0) this.#own.delete(at);
  }

  isOwn(record: DnsRecord): boolean {
    return this.#own.get(nameKey(record.name))?.has(recordKey(record)) ?? false;
  }

  own(name: DnsName, code: number): DnsRecord[] {
    const same = this.#own.get(nameKey(name))?.values() ?? [];
    return [...same].filter((record) => recordCode(record) === code);
  }

  /** All own pointers: from types and subtypes to instances, and to types. */
  ownPointers(): DnsRecord[] {
    return [...this.#own.values()].flatMap((same) =>
      [...same.values()].filter(({ type }) => type === "ptr"),
    );
  }

  /** Whether we or others, leaving or not, have a pointer there. */
  points(from: DnsName, to: DnsName): boolean {
    const pointer: DnsRecord = { name: from, ttlS: 0, isFlush: false, type: "ptr", target: to };
    return this.isOwn(pointer) || this.cache.has(pointer);
  }

  /** Our own first, then others' as last heard; those that are leaving only where there are no others. */
  all(name: DnsName, code: number): DnsRecord[] {
    const heard = this.cache.find(name, code).toSorted((a, b) => b.heardAtMs - a.heardAtMs);
    const own = this.own(name, code);
    const staying = heard.filter(({ isLeaving }) => !isLeaving);
    const cached = own.length === 0 && staying.length === 0 ? heard : staying;
    return [...own, ...cached.map(({ record }) => record)];
  }

  /** The one that counts. */
  one(name: DnsName, code: number): DnsRecord | undefined {
    return this.all(name, code)[0];
  }

  /** RFC 6762 §7.1: what need not be told, with what is left of its lifetime. */
  knownAnswers(name: DnsName, code: number, nowMs: number): DnsRecord[] {
    const cached = this.cache.find(name, code).flatMap(({ record, expiresAtMs, isLeaving }) => {
      const ttlS = Math.floor((expiresAtMs - nowMs) / 1000);
      const isKnown = !isLeaving && ttlS > record.ttlS / 2 && !this.isOwn(record);
      return isKnown ? { ...record, ttlS } : [];
    });
    return [...this.own(name, code), ...cached];
  }
}
