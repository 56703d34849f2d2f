/** Reading a whole store at its opening, repairing a damaged one, and saying what is wrong. */
import { access, cp } from "node:fs/promises";
import { Level } from "level";
import type { Clock } from "../../platform/clock.ts";
import { errorCode, errorMessage, WireError } from "../../platform/errors.ts";
import { OverlayError } from "../errors.ts";
import type { RecordOffer } from "../records/record-store.ts";
import { slotIdOf } from "../records/record.ts";
import { decodeClockMark, StoreClock } from "../records/store-clock.ts";
import {
  decodeStoredFloor,
  decodeStoredRecord,
  encodeStoredFloor,
  type StoredRecord,
} from "../records/stored-record.ts";
import { FLOOR_KEEP_MS, type VersionFloor } from "../records/version-floors.ts";

/** Copies of damaged stores that are kept; with so many, the disk is the trouble. */
const DAMAGED_COPIES_MAX = 3;

export type Database = Level<string, Uint8Array>;

/** One step of an atomic batch. */
export type LevelOperation =
  | { readonly type: "put"; readonly key: string; readonly value: Uint8Array }
  | { readonly type: "del"; readonly key: string };

/** `level` is `classic-level` here; its types leave out what a browser has not. */
interface Repairing {
  repair(location: string): Promise<void>;
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
const REPAIRING = Level as unknown as Repairing;

export function newDatabase(directory: string): Database {
  return new Level<string, Uint8Array>(directory, { valueEncoding: "view" });
}

/** A record's place in the expiry index; sorts as the time does. */
export function expiryKey(atMs: number, slotId: string): string {
  return `expiry/${atMs.toString(16).padStart(16, "0")}/${slotId}`;
}

/** All that a store holds. */
export interface LevelContents {
  readonly records: readonly RecordOffer[];
  readonly floors: readonly VersionFloor[];
  readonly dropped: number;
  readonly meta: Map<string, Uint8Array>;
  readonly expiryOf: Map<string, number>;
  readonly storeClock: StoreClock;
}

/**
 * Reads everything, turns expired records into floors, and mends the expiry index.
 *
 * Records were verified when they came; here they must only decode.
 */
export async function readLevel(database: Database, clock: Clock): Promise<LevelContents> {
  const nowMs = clock.monotonicMs();
  const mark = (await database.get("clock")) ?? undefined;
  const storeClock = new StoreClock(
    mark && orUndefined(() => decodeClockMark(mark)),
    nowMs,
    clock.wallMs(),
  );
  const reader = new LevelReader(storeClock, nowMs);
  await reader.readFloors(database);
  await reader.readRecords(database);
  await reader.readIndex(database);
  if (reader.mending.length > 0) await database.batch(reader.mending, { sync: true });
  const meta = new Map<string, Uint8Array>();
  for await (const [key, value] of database.iterator(under("meta/")))
    meta.set(key.slice("meta/".length), new Uint8Array(value)); // LevelDB gives a Buffer
  const { records, floors, dropped, expiryOf } = reader;
  return { records, floors: [...floors.values()], dropped, meta, expiryOf, storeClock };
}

/** What has been read so far, and what the disk needs for it. */
class LevelReader {
  readonly records: RecordOffer[] = [];
  readonly floors = new Map<string, VersionFloor>();
  readonly expiryOf = new Map<string, number>();
  readonly mending: LevelOperation[] = [];
  dropped = 0;
  readonly #storeClock: StoreClock;
  readonly #nowMs: number;

  constructor(storeClock: StoreClock, nowMs: number) {
    this.#storeClock = storeClock;
    this.#nowMs = nowMs;
  }

  async readFloors(database: Database): Promise<void> {
    for await (const [key, value] of database.iterator(under("floor/"))) {
      const slotId = key.slice("floor/".length);
      const floor = orUndefined(() => decodeStoredFloor(slotId, value, this.#storeClock));
      if (floor === undefined) this.dropped++;
      if (floor !== undefined && floor.keepUntilMs > this.#nowMs) this.floors.set(slotId, floor);
      else this.mending.push({ type: "del", key });
    }
  }

  async readRecords(database: Database): Promise<void> {
    for await (const [key, value] of database.iterator(under("record/"))) {
      const slotId = key.slice("record/".length);
      const stored = orUndefined(() => decodeStoredRecord(value));
      if (stored !== undefined && slotIdOf(stored.record) === slotId)
        this.#addRecord(slotId, stored);
      else {
        this.dropped++;
        this.mending.push({ type: "del", key });
      }
    }
  }

  /** Takes out index entries without a record, and adds those that a repair lost. */
  async readIndex(database: Database): Promise<void> {
    const missing = new Map(this.expiryOf);
    for await (const key of database.keys(under("expiry/"))) {
      const slotId = key.slice(key.lastIndexOf("/") + 1);
      const atMs = this.expiryOf.get(slotId);
      if (atMs !== undefined && expiryKey(atMs, slotId) === key) missing.delete(slotId);
      else this.mending.push({ type: "del", key });
    }
    for (const [slotId, atMs] of missing)
      this.mending.push({ type: "put", key: expiryKey(atMs, slotId), value: new Uint8Array() });
  }

  #addRecord(slotId: string, stored: StoredRecord): void {
    const { record, expiresAtMs, isOwned, from, by, isVouched } = stored;
    const deadlineMs = this.#storeClock.toMonotonicMs(expiresAtMs);
    const remainingMs = deadlineMs - this.#nowMs;
    if (remainingMs > 0) {
      this.records.push({ record, remainingMs, from, by, isVouched, isOwned });
      this.expiryOf.set(slotId, expiresAtMs);
      return;
    }
    const { version, isRemoved } = record;
    const keepUntilMs = this.#nowMs + FLOOR_KEEP_MS;
    const floor = { slotId, version, deadlineMs, isRemoved, keepUntilMs, from };
    this.floors.set(slotId, floor);
    this.mending.push(
      { type: "del", key: `record/${slotId}` },
      { type: "put", key: `floor/${slotId}`, value: encodeStoredFloor(floor, this.#storeClock) },
    );
  }
}

function under(prefix: string): { gte: string; lt: string } {
  return { gte: prefix, lt: prefix.slice(0, -1) + "0" }; // "0" comes after "/"
}

function orUndefined<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/**
 * Saves what is readable of a damaged store, keeping its files as they are in a copy beside it.
 *
 * @returns the directory of the copy
 */
export async function repairLevel(directory: string): Promise<string> {
  const copy = await freeCopyName(directory);
  await cp(directory, copy, { recursive: true });
  await REPAIRING.repair(directory);
  return copy;
}

async function freeCopyName(directory: string): Promise<string> {
  for (let number = 1; number <= DAMAGED_COPIES_MAX; number++) {
    const name = `${directory}.damaged-${number}`;
    const isFree = await access(name).then(
      () => false,
      () => true,
    );
    if (isFree) return name;
  }
  throw new Error(`damaged for the ${DAMAGED_COPIES_MAX + 1}th time`);
}

/** Whether LevelDB found its files damaged; an error of opening has the reason as its cause. */
export function isCorruption(error: unknown): boolean {
  return reasonOf(error).code === "LEVEL_CORRUPTION";
}

export function storageError(directory: string, error: unknown): OverlayError {
  if (error instanceof OverlayError) return error;
  const { code, message } = reasonOf(error);
  return new OverlayError("ERR_OVERLAY_STORAGE", adviceOn(directory, code, message), {
    cause: error,
  });
}

function adviceOn(directory: string, code: string | undefined, message: string): string {
  if (code === "LEVEL_LOCKED")
    return `another daemon uses the store at ${directory}; stop it, or give this one a directory of its own`;
  if (code === "LEVEL_CORRUPTION" || message.startsWith("damaged"))
    return (
      `the store at ${directory} is damaged beyond repair (${message}); ` +
      `move it away (mv ${directory} ${directory}.old), check the disk and start again: ` +
      `the keys, membership and records in it are lost, other hosts' records come back from their copies`
    );
  if (code === "ENOSPC" || /no space left/i.test(message))
    return `no space left for the store at ${directory}; free some: nothing new is kept until then`;
  return `cannot use the store at ${directory} (${message}); check the disk and who may write there`;
}

function reasonOf(error: unknown): { code: string | undefined; message: string } {
  const isWrapped = errorCode(error) === "LEVEL_DATABASE_NOT_OPEN" && error instanceof Error;
  const reason = isWrapped && error.cause !== undefined ? error.cause : error;
  return { code: errorCode(reason), message: errorMessage(reason) };
}
