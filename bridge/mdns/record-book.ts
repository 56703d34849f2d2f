/**
 * The records that we answer for now, each with those who brought it.
 *
 * Several services may bring the same record, such as the addresses of one host.
 */
import { type DnsRecord, RECORD_CODE } from "../../platform/dns/message.ts";
import { type DnsName, nameKey } from "../../platform/dns/name.ts";
import { nsecRecord, recordCode, recordKey } from "../../platform/dns/record.ts";
import type { ClaimedRecord } from "./own-records.ts";

export interface OwnRecord {
  readonly key: string;
  /** Without flush bit; `wire` sets it. */
  readonly record: DnsRecord;
  /** Ids of registrations. */
  readonly owners: ReadonlyMap<number, ClaimedRecord>;
  /** Last time it was multicast; -Infinity when never. */
  lastSentMs: number;
}

interface Entry extends OwnRecord {
  readonly owners: Map<number, ClaimedRecord>;
  /** Owners to whom it is not unique. */
  commonOwners: number;
  /** Owners who know others to have the same. */
  sharedOwners: number;
}

interface OwnName {
  readonly records: Map<string, Entry>;
  /** Denies all other types; only where a name has a unique record (RFC 6762 §6.1). */
  nsec: Entry | undefined;
}

/** Which records came and went for good. */
export interface BookChange {
  readonly added: readonly OwnRecord[];
  readonly gone: readonly OwnRecord[];
}

export class RecordBook {
  readonly #names = new Map<string, OwnName>();
  readonly #byKey = new Map<string, Entry>();
  readonly #byOwner = new Map<number, Set<Entry>>();

  /** Has the owner bring these records, and no others. */
  put(owner: number, claimed: readonly ClaimedRecord[]): BookChange {
    const former = this.#byOwner.get(owner) ?? new Set<Entry>();
    const present = new Set<Entry>();
    const added: Entry[] = [];
    for (const one of claimed) {
      const key = recordKey(one.record);
      const known = this.#byKey.get(key);
      const entry = known ?? this.#make(key, one.record);
      if (known === undefined) added.push(entry);
      this.#disown(entry, owner);
      entry.owners.set(owner, one);
      if (!one.isUnique) entry.commonOwners++;
      if (one.isShared) entry.sharedOwners++;
      present.add(entry);
    }
    const gone = [...former].filter((entry) => !present.has(entry) && this.#leave(entry, owner));
    if (present.size > 0) this.#byOwner.set(owner, present);
    else this.#byOwner.delete(owner);
    for (const { record } of [...added, ...gone]) this.#renewNsec(record.name);
    return { added, gone };
  }

  all(): OwnRecord[] {
    return [...this.#names.values()].flatMap(({ records }) => [...records.values()]);
  }

  get(key: string): OwnRecord | undefined {
    return this.#byKey.get(key);
  }

  /** All of one name. */
  at(name: DnsName): readonly OwnRecord[] {
    return [...(this.#names.get(nameKey(name))?.records.values() ?? [])];
  }

  /** The denial of all other types; absent when the name is not ours alone. */
  nsecAt(name: DnsName): OwnRecord | undefined {
    return this.#names.get(nameKey(name))?.nsec;
  }

  of(owner: number): readonly OwnRecord[] {
    return [...(this.#byOwner.get(owner) ?? [])];
  }

  /** Whether we alone have records of this name and type; one shared record makes all shared. */
  isUnique(own: OwnRecord): boolean {
    if (own.record.type === "nsec") return true;
    if ((own as Entry).commonOwners > 0) return false;
    const others = this.#names.get(nameKey(own.record.name))?.records.values() ?? [];
    const code = recordCode(own.record);
    return [...others].every((e) => recordCode(e.record) !== code || e.commonOwners === 0);
  }

  /** Whether nobody else is known to have the same, so that nobody else will answer. */
  isSole(own: OwnRecord): boolean {
    return (own as Entry).sharedOwners === 0 && this.isUnique(own);
  }

  /** RFC 6762 §10.2: with a unique record all others of its name and type. */
  setOf(own: OwnRecord): readonly OwnRecord[] {
    if (own.record.type === "nsec" || !this.isUnique(own)) return [own];
    const code = recordCode(own.record);
    return this.at(own.record.name).filter(({ record }) => recordCode(record) === code);
  }

  /** As it goes out in multicast. */
  wire(own: OwnRecord): DnsRecord {
    return { ...own.record, isFlush: this.isUnique(own) };
  }

  #make(key: string, record: DnsRecord): Entry {
    const entry: Entry = createEntry(key, { ...record, isFlush: false });
    const at = nameKey(record.name);
    const name = this.#names.get(at) ?? { records: new Map<string, Entry>(), nsec: undefined };
    this.#names.set(at, name);
    name.records.set(key, entry);
    this.#byKey.set(key, entry);
    return entry;
  }

  #disown(entry: Entry, owner: number): void {
    const former = entry.owners.get(owner);
    if (former === undefined) return;
    entry.owners.delete(owner);
    if (!former.isUnique) entry.commonOwners--;
    if (former.isShared) entry.sharedOwners--;
  }

  /** @returns whether nobody brings it any more */
  #leave(entry: Entry, owner: number): boolean {
    this.#disown(entry, owner);
    if (entry.owners.size > 0) return false;
    this.#byKey.delete(entry.key);
    this.#names.get(nameKey(entry.record.name))?.records.delete(entry.key);
    return true;
  }

  #renewNsec(name: DnsName): void {
    const at = nameKey(name);
    const own = this.#names.get(at);
    if (own === undefined) return;
    if (own.nsec !== undefined) this.#byKey.delete(own.nsec.key);
    own.nsec = undefined;
    const entries = [...own.records.values()];
    if (entries.length === 0) this.#names.delete(at);
    // Addresses that others have too are not ours to deny.
    if (entries.length === 0 || entries.some(({ commonOwners }) => commonOwners > 0)) return;
    const codes = entries.map(({ record }) => recordCode(record));
    const ttlS = Math.min(...entries.map(({ record }) => record.ttlS));
    const record = nsecRecord({ name: entries[0]!.record.name, ttlS }, codes);
    own.nsec = createEntry(recordKey(record), record);
    this.#byKey.set(own.nsec.key, own.nsec);
  }
}

function createEntry(key: string, record: DnsRecord): Entry {
  return {
    key,
    record,
    owners: new Map(),
    lastSentMs: -Infinity,
    commonOwners: 0,
    sharedOwners: 0,
  };
}

/** Whether a record is an address. */
export function isAddress({ record }: OwnRecord): boolean {
  const code = recordCode(record);
  return code === RECORD_CODE.a || code === RECORD_CODE.aaaa;
}
