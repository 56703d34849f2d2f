/**
 * The rules by which a host keeps records, over an index in memory. Pure: time comes in.
 *
 * - The newest version of a publisher and slot wins, and a tombstone wins over its own version.
 * - A lifetime is counted down from receipt on the monotonic clock; a holder passes on what is
 *   left, so no chain of holders makes a record live longer than its publisher said.
 * - What is gone leaves a version floor, which outlives the longest lifetime.
 * - Quotas per key, publisher, subnet, host and store.
 *
 * A put is two steps, `prepare` and `commit` or `abort`, so that nothing is seen or acknowledged
 * before the disk has it; `accept` does both for those without a disk. Signatures are the caller's
 * to check, before.
 */
import assert from "node:assert/strict";
import { toHex } from "../../platform/bytes.ts";
import { ExpiryQueue } from "./expiry-queue.ts";
import { QUOTA_DEFAULTS, QuotaTally, type QuotaLimits, type QuotaShare } from "./quota-tally.ts";
import { compareRecords, recordBytes, slotIdOf, type SignedRecord } from "./record.ts";
import { deadlineOfSameVersion, refusalByFloor, refusalByHeld, type Refusal } from "./refusal.ts";
import { FLOOR_KEEP_MS, VersionFloors, type VersionFloor } from "./version-floors.ts";

export interface RecordStoreOptions extends QuotaLimits {
  /** Version floors kept. Default 65536, about 20 MB. */
  readonly floorsMax: number;
  /** Whether a publisher key is this host's. Default: none is. */
  readonly isMine: (publisher: Uint8Array) => boolean;
}

export const RECORD_STORE_DEFAULTS: RecordStoreOptions = {
  ...QUOTA_DEFAULTS,
  floorsMax: 65_536,
  isMine: () => false,
};

/** Added to a record's length in the quotas: what the index takes for each. */
export const RECORD_OVERHEAD_BYTES = 512;

const NEW_KEYS_MAX = 65_536;

/** A record on offer. */
export interface RecordOffer {
  readonly record: SignedRecord;
  /** Lifetime left, as the giver says; counts no further than the record's own lifetime. */
  readonly remainingMs: number;
  /** Subnet that it entered the overlay by; `null`: our own. */
  readonly from: string | null;
  /** Host that brought it to our subnet. Default: this one, or unknown. */
  readonly by?: string;
  /** Whether `from` is only that host's word. Default: it is not. */
  readonly isVouched?: boolean;
  /** Whether this host is to own it, rather than hold a copy. */
  readonly isOwned: boolean;
}

/** A record kept. */
export interface HeldRecord extends QuotaShare {
  readonly slotId: string;
  readonly record: SignedRecord;
  /** Monotonic end of its lifetime. */
  readonly deadlineMs: number;
  readonly isOwned: boolean;
}

/** What persistence has to do, in order. */
export type StoreChange =
  | { readonly type: "put-record"; readonly held: HeldRecord }
  | { readonly type: "delete-record"; readonly slotId: string }
  | { readonly type: "put-floor"; readonly floor: VersionFloor }
  | { readonly type: "delete-floor"; readonly slotId: string };

/** Room taken and a verdict fixed for one put, until `commit` or `abort`. */
export interface Claim {
  readonly type: "claim";
  readonly held: HeldRecord;
  readonly replaced: HeldRecord | undefined;
  readonly changes: readonly StoreChange[];
}

export type AcceptResult =
  | {
      readonly type: "stored";
      readonly held: HeldRecord;
      /** The older version it took the place of. */
      readonly replaced: HeldRecord | undefined;
    }
  | Refusal;

export interface RecordCounts {
  /** Of the live records, tombstones apart. */
  readonly owned: number;
  readonly copies: number;
  /** Of the owned and the copies, those this host published. */
  readonly mine: number;
  readonly tombstones: number;
  readonly floors: number;
  readonly bytes: number;
}

export class RecordStore {
  readonly #isMine: (publisher: Uint8Array) => boolean;
  readonly #tally: QuotaTally;
  readonly #floors: VersionFloors;
  readonly #expiry = new ExpiryQueue();
  readonly #bySlot = new Map<string, HeldRecord>();
  readonly #byKey = new Map<string, Map<string, HeldRecord>>();
  readonly #claimed = new Set<string>();
  /** Absent until somebody takes them, and when there were too many to wait for that. */
  #newKeys: string[] | undefined;

  constructor(given: Partial<RecordStoreOptions> = {}) {
    const { floorsMax, isMine, ...limits } = { ...RECORD_STORE_DEFAULTS, ...given };
    const { recordsPerKeyMax, recordsPerPublisherMax, recordsPerKeyAndSubnetMax, ...others } =
      limits;
    const { recordsPerKeyAndHostMax, recordsPerKeyAndVoucherMax, ...bytes } = others;
    const { subnetBytesMax, storeBytesMax, ownFraction, ...rest } = bytes;
    rest satisfies Record<string, never>;
    this.#isMine = isMine;
    this.#floors = new VersionFloors(floorsMax);
    this.#tally = new QuotaTally({
      recordsPerKeyMax,
      recordsPerPublisherMax,
      recordsPerKeyAndSubnetMax,
      recordsPerKeyAndHostMax,
      recordsPerKeyAndVoucherMax,
      subnetBytesMax,
      storeBytesMax,
      ownFraction,
    });
  }

  /** When `expire` next has a record to take out; Infinity when nothing is kept. */
  get wakeAtMs(): number {
    return this.#expiry.nextMs;
  }

  /** Judges an offer and applies it at once. */
  accept(offer: RecordOffer, nowMs: number): AcceptResult {
    const verdict = this.prepare(offer, nowMs);
    return verdict.type === "claim" ? this.commit(verdict) : verdict;
  }

  /**
   * Judges an offer; a claim keeps its room until `commit` or `abort`, and readers see nothing yet.
   * One claim per slot at a time.
   */
  prepare(offer: RecordOffer, nowMs: number): Claim | Refusal {
    const held = this.#toHeld(offer, nowMs);
    assert(!this.#claimed.has(held.slotId), "a slot with an open claim is judged again");
    const replaced = this.#bySlot.get(held.slotId);
    const floor = this.#floors.get(held.slotId);
    const refusal =
      (replaced && refusalByHeld(held, replaced, nowMs)) ?? (floor && refusalByFloor(held, floor));
    if (refusal !== undefined) return refusal;

    const deadlineMs = Math.min(held.deadlineMs, deadlineOfSameVersion(held, replaced ?? floor));
    if (deadlineMs <= nowMs) return { type: "expired" };
    const quota = this.#tally.brokenBy(held, replaced);
    if (quota !== undefined) return { type: "quota", quota };
    return this.#claim({ ...held, deadlineMs }, replaced, floor);
  }

  /** Makes a claim the store's state. */
  commit(claim: Claim): AcceptResult {
    const { held, replaced } = claim;
    const isOpen = this.#claimed.delete(held.slotId);
    assert(isOpen, "a claim is settled once");
    this.#floors.delete(held.slotId); // the record itself is the floor now
    this.#put(held);
    return { type: "stored", held, replaced };
  }

  /** Gives a claim's room back: the disk did not take it. */
  abort(claim: Claim): void {
    const { held, replaced } = claim;
    const isOpen = this.#claimed.delete(held.slotId);
    assert(isOpen, "a claim is settled once");
    this.#tally.remove(held);
    if (replaced === undefined) return;
    this.#tally.add(replaced);
    this.#expiry.set(held.slotId, replaced.deadlineMs); // `expire` passed it over meanwhile
  }

  /** The live records of a key, tombstones apart. */
  get(keyHex: string, nowMs: number): HeldRecord[] {
    return this.getWithTombstones(keyHex, nowMs).filter(({ record }) => !record.isRemoved);
  }

  /** The live records and tombstones of a key: what another holder is to be given. */
  getWithTombstones(keyHex: string, nowMs: number): HeldRecord[] {
    const records = this.#byKey.get(keyHex)?.values() ?? [];
    return [...records].filter(({ deadlineMs }) => deadlineMs > nowMs);
  }

  getSlot(slotId: string): HeldRecord | undefined {
    return this.#bySlot.get(slotId);
  }

  /** The newest version known of a slot, kept or gone; 0 when none is. */
  floorOf(slotId: string): bigint {
    return this.#bySlot.get(slotId)?.record.version ?? this.#floors.get(slotId)?.version ?? 0n;
  }

  /** What is remembered of records that are gone. */
  floors(): Iterable<VersionFloor> {
    return this.#floors.all();
  }

  /** Takes note of a version known elsewhere; none that is older, or the same, counts from now on. */
  raiseFloor(floor: VersionFloor): readonly StoreChange[] {
    const { slotId } = floor;
    if (this.#claimed.has(slotId) || this.floorOf(slotId) >= floor.version) return [];
    const held = this.#bySlot.get(slotId);
    const changes = held === undefined ? [] : this.#remove(held);
    return [...changes, ...this.#raise(floor)];
  }

  /** Of a record that is gone. */
  floorOfGone(slotId: string): VersionFloor | undefined {
    return this.#floors.get(slotId);
  }

  /** Everything kept, tombstones and what `expire` has yet to take out included. */
  all(): Iterable<HeldRecord> {
    return this.#bySlot.values();
  }

  /** Hex of every key that has something. */
  keys(): Iterable<string> {
    return this.#byKey.keys();
  }

  get keyCount(): number {
    return this.#byKey.size;
  }

  /** Keys that came since the last call; absent when that is not known, as at the first. */
  takeNewKeys(): readonly string[] | undefined {
    const taken = this.#newKeys;
    this.#newKeys = [];
    return taken;
  }

  /** What this host published and keeps. */
  mine(): HeldRecord[] {
    return [...this.#bySlot.values()].filter(({ isMine }) => isMine);
  }

  /** Takes out what has expired; each leaves its floor. */
  expire(nowMs: number): { expired: readonly HeldRecord[]; changes: readonly StoreChange[] } {
    const expired: HeldRecord[] = [];
    for (const slotId of this.#expiry.takeDue(nowMs)) {
      const held = this.#bySlot.get(slotId);
      if (held !== undefined && !this.#claimed.has(slotId)) expired.push(held);
    }
    const changes = expired.flatMap((held) => this.#bury(held, nowMs));
    const due = this.#floors.takeDue(nowMs);
    for (const { slotId } of due) changes.push({ type: "delete-floor", slotId });
    return { expired, changes };
  }

  /** Drops a record that others keep now. It may come back, for what is left of its lifetime. */
  forget(slotId: string, nowMs: number): readonly StoreChange[] {
    const held = this.#bySlot.get(slotId);
    return held === undefined || this.#claimed.has(slotId) ? [] : this.#bury(held, nowMs);
  }

  /** Turns a copy into an owned record, or back. */
  setOwned(slotId: string, isOwned: boolean): readonly StoreChange[] {
    const held = this.#bySlot.get(slotId);
    if (held === undefined || held.isOwned === isOwned || this.#claimed.has(slotId)) return [];
    const changed = { ...held, isOwned };
    this.#put(changed);
    return [{ type: "put-record", held: changed }];
  }

  /** Takes back what a former run of this host kept; its quotas were judged then. */
  restore(offers: Iterable<RecordOffer>, floors: Iterable<VersionFloor>, nowMs: number): void {
    for (const floor of [...floors].toSorted((a, b) => a.keepUntilMs - b.keepUntilMs))
      this.#floors.raise(floor);
    for (const offer of offers) {
      const held = this.#toHeld(offer, nowMs);
      const known = this.#bySlot.get(held.slotId);
      if (known !== undefined && compareRecords(held.record, known.record) <= 0) continue;
      if (known !== undefined) this.#tally.remove(known);
      this.#tally.add(held);
      this.#put(held);
      this.#floors.delete(held.slotId);
    }
  }

  counts(nowMs: number): RecordCounts {
    const counts = { owned: 0, copies: 0, mine: 0, tombstones: 0 };
    for (const { record, deadlineMs, isOwned, isMine } of this.#bySlot.values()) {
      if (deadlineMs <= nowMs) continue;
      if (record.isRemoved) counts.tombstones++;
      else counts[isOwned ? "owned" : "copies"]++;
      if (isMine && !record.isRemoved) counts.mine++;
    }
    return { ...counts, floors: this.#floors.size, bytes: this.#tally.bytes };
  }

  #toHeld(offer: RecordOffer, nowMs: number): HeldRecord {
    const { record, from, by = "", isVouched = false, isOwned } = offer;
    return {
      slotId: slotIdOf(record),
      keyHex: toHex(record.key),
      publisherHex: toHex(record.publisher),
      record,
      deadlineMs: nowMs + Math.min(offer.remainingMs, record.lifetimeMs),
      isOwned,
      isMine: this.#isMine(record.publisher),
      from,
      by,
      isVouched,
      bytes: recordBytes(record) + RECORD_OVERHEAD_BYTES,
    };
  }

  #claim(
    held: HeldRecord,
    replaced: HeldRecord | undefined,
    floor: VersionFloor | undefined,
  ): Claim {
    const { slotId } = held;
    if (replaced !== undefined) this.#tally.remove(replaced);
    this.#tally.add(held);
    this.#claimed.add(slotId);
    const changes: StoreChange[] = [{ type: "put-record", held }];
    if (floor !== undefined) changes.push({ type: "delete-floor", slotId });
    return { type: "claim", held, replaced, changes };
  }

  #put(held: HeldRecord): void {
    const { slotId, keyHex, deadlineMs } = held;
    const siblings = this.#byKey.get(keyHex) ?? new Map<string, HeldRecord>();
    if (siblings.size === 0) this.#noteKey(keyHex);
    this.#byKey.set(keyHex, siblings.set(slotId, held));
    this.#bySlot.set(slotId, held);
    this.#expiry.set(slotId, deadlineMs);
  }

  #noteKey(keyHex: string): void {
    this.#newKeys?.push(keyHex);
    if ((this.#newKeys?.length ?? 0) > NEW_KEYS_MAX) this.#newKeys = undefined;
  }

  /** Removes a record and leaves its floor. */
  #bury(held: HeldRecord, nowMs: number): StoreChange[] {
    const { slotId, record, deadlineMs, from } = held;
    const { version, isRemoved } = record;
    const keepUntilMs = nowMs + FLOOR_KEEP_MS;
    const floor = { slotId, version, deadlineMs, isRemoved, keepUntilMs, from };
    return [...this.#remove(held), ...this.#raise(floor)];
  }

  #remove(held: HeldRecord): StoreChange[] {
    const { slotId, keyHex } = held;
    this.#tally.remove(held);
    this.#expiry.delete(slotId);
    this.#bySlot.delete(slotId);
    const siblings = this.#byKey.get(keyHex);
    siblings?.delete(slotId);
    if (siblings?.size === 0) this.#byKey.delete(keyHex);
    return [{ type: "delete-record", slotId }];
  }

  #raise(floor: VersionFloor): StoreChange[] {
    const evicted = this.#floors.raise(floor);
    const changes: StoreChange[] = [{ type: "put-floor", floor }];
    if (evicted !== undefined) changes.push({ type: "delete-floor", slotId: evicted.slotId });
    return changes;
  }
}

/** Lifetime left, never more than the publisher gave: what a holder passes on. */
export function remainingMs({ record, deadlineMs }: HeldRecord, nowMs: number): number {
  return Math.max(0, Math.min(record.lifetimeMs, Math.floor(deadlineMs - nowMs)));
}
