/**
 * A host's store on disk, by LevelDB: records, version floors, and small named values.
 *
 * Keys, each in order: `clock`, `expiry/MS/SLOT` (the expiry index, MS in 16 hex digits),
 * `floor/SLOT`, `meta/NAME`, `record/SLOT`. Writes of one turn of the event loop, and all that
 * come while the disk is busy, share one atomic batch and one fsync.
 *
 * After a failed write LevelDB refuses all further ones, even when there is room again, so the next
 * write opens the database anew.
 */
import { mkdir } from "node:fs/promises";
import type { Clock } from "../../platform/clock.ts";
import { OverlayError } from "../errors.ts";
import type { RecordPersistence } from "../records/durable-records.ts";
import type { HeldRecord, RecordOffer, StoreChange } from "../records/record-store.ts";
import { encodeClockMark, type StoreClock } from "../records/store-clock.ts";
import { encodeStoredFloor, encodeStoredRecord, expiresAtMs } from "../records/stored-record.ts";
import type { VersionFloor } from "../records/version-floors.ts";
import {
  expiryKey,
  isCorruption,
  newDatabase,
  readLevel,
  repairLevel,
  storageError,
  type Database,
  type LevelOperation,
} from "./level-files.ts";

export interface LevelStoreOptions {
  /** Made if absent, readable by its owner only: named values may be keys. */
  readonly directory: string;
  readonly clock: Clock;
  /** Whether a write waits for the disk (fsync), and so outlives a power cut. Default true. */
  readonly isSynced: boolean;
}

export interface OpenedLevelStore {
  readonly store: LevelStore;
  /** What has not expired, for `RecordStore.restore`. */
  readonly records: readonly RecordOffer[];
  readonly floors: readonly VersionFloor[];
  /** Entries that did not decode and are gone. */
  readonly dropped: number;
  /** Where the damaged files are kept, when the store had to be repaired. */
  readonly damagedCopy: string | undefined;
}

type MetaChange =
  | { readonly type: "put-meta"; readonly name: string; readonly value: Uint8Array }
  | { readonly type: "delete-meta"; readonly name: string };
type Change = StoreChange | MetaChange;

interface Waiting {
  readonly changes: readonly Change[];
  readonly resolve: () => void;
  readonly reject: (error: OverlayError) => void;
}

/** Callers whose changes share a batch. */
const BATCH_CALLERS_MAX = 512;

/** After a failed write, further ones fail at once for so long. */
const REOPEN_WAIT_MS = 1000;

/**
 * Opens a host's store and reads all of it.
 *
 * A damaged store is copied aside and repaired, once.
 *
 * @throws {OverlayError} ERR_OVERLAY_STORAGE
 */
export async function openLevelStore(
  given: Partial<LevelStoreOptions> & Pick<LevelStoreOptions, "directory" | "clock">,
): Promise<OpenedLevelStore> {
  const { directory, clock, isSynced, ...rest } = { isSynced: true, ...given };
  rest satisfies Record<string, never>;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return await openOnce(directory, clock, isSynced, undefined);
  } catch (cause) {
    if (!isCorruption(cause)) throw storageError(directory, cause);
  }
  try {
    const damagedCopy = await repairLevel(directory);
    return await openOnce(directory, clock, isSynced, damagedCopy);
  } catch (cause) {
    throw storageError(directory, cause);
  }
}

async function openOnce(
  directory: string,
  clock: Clock,
  isSynced: boolean,
  damagedCopy: string | undefined,
): Promise<OpenedLevelStore> {
  const database = newDatabase(directory);
  await database.open();
  try {
    const { meta, expiryOf, storeClock, ...read } = await readLevel(database, clock);
    const options = { directory, clock, isSynced };
    const store = new LevelStore(options, database, storeClock, meta, expiryOf);
    return { store, ...read, damagedCopy };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Made by `openLevelStore`. */
export class LevelStore implements RecordPersistence {
  readonly #options: LevelStoreOptions;
  readonly #storeClock: StoreClock;
  readonly #meta: Map<string, Uint8Array>;
  /** Where each record stands in the expiry index. */
  readonly #expiryOf: Map<string, number>;
  #database: Database;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #failure: { readonly error: OverlayError; readonly atMs: number } | undefined;
  #isClosed = false;

  constructor(
    options: LevelStoreOptions,
    database: Database,
    storeClock: StoreClock,
    meta: Map<string, Uint8Array>,
    expiryOf: Map<string, number>,
  ) {
    this.#options = options;
    this.#database = database;
    this.#storeClock = storeClock;
    this.#meta = meta;
    this.#expiryOf = expiryOf;
  }

  /** By which ends of life are counted. */
  get storeClock(): StoreClock {
    return this.#storeClock;
  }

  /** The failed write after which none has succeeded; `undefined` when all is well. */
  get failure(): OverlayError | undefined {
    return this.#failure?.error;
  }

  write(changes: readonly StoreChange[]): Promise<void> {
    return this.#enqueue(changes);
  }

  /** A named value as last stored. */
  getMeta(name: string): Uint8Array | undefined {
    return this.#meta.get(name);
  }

  /** Names that begin with `prefix`. */
  metaNames(prefix = ""): string[] {
    return [...this.#meta.keys()].filter((name) => name.startsWith(prefix)).toSorted();
  }

  /** @throws {OverlayError} ERR_OVERLAY_STORAGE; `getMeta` still gives the former value then */
  putMeta(name: string, value: Uint8Array): Promise<void> {
    return this.#enqueue([{ type: "put-meta", name, value: new Uint8Array(value) }]);
  }

  deleteMeta(name: string): Promise<void> {
    return this.#enqueue([{ type: "delete-meta", name }]);
  }

  /**
   * Notes the time. Once a minute is enough: after a crash on a machine whose clock does not run
   * while it is off, lifetimes go on from the last mark.
   */
  markTime(): Promise<void> {
    return this.#enqueue([]);
  }

  /** Writes what waits and the time, and lets the directory go. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    const marked = this.markTime().catch(() => {}); // the failure was told to those who waited
    this.#isClosed = true;
    await marked;
    await this.#flushing;
    await this.#database.close();
  }

  #enqueue(changes: readonly Change[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) {
        const message = `the store at ${this.#options.directory} is closed`;
        reject(new OverlayError("ERR_OVERLAY_STORAGE", message));
        return;
      }
      this.#waiting.push({ changes, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  async #flush(): Promise<void> {
    await new Promise(setImmediate); // let this turn of the event loop add to the batch
    while (this.#waiting.length > 0) {
      const callers = this.#waiting.splice(0, BATCH_CALLERS_MAX);
      const error = await this.#writeBatch(callers.flatMap(({ changes }) => changes));
      for (const { resolve, reject } of callers) {
        if (error === undefined) resolve();
        else reject(error);
      }
    }
    this.#flushing = undefined;
  }

  /** What went wrong, if anything did: then nothing was written and nothing changed here. */
  async #writeBatch(changes: readonly Change[]): Promise<OverlayError | undefined> {
    const { directory, clock, isSynced } = this.#options;
    const failure = this.#failure;
    try {
      if (failure !== undefined) await this.#reopen(failure);
      const moves = new Map<string, number | undefined>();
      const operations = changes.flatMap((change) => this.#operations(change, moves));
      operations.push({ type: "put", key: "clock", value: this.clockMark() });
      await this.#database.batch(operations, { sync: isSynced });
      this.#apply(changes, moves);
      this.#failure = undefined;
      return undefined;
    } catch (cause) {
      if (failure !== undefined && cause === failure.error) return failure.error;
      const error = storageError(directory, cause);
      this.#failure = { error, atMs: clock.monotonicMs() };
      return error;
    }
  }

  async #reopen({ error, atMs }: { error: OverlayError; atMs: number }): Promise<void> {
    const { directory, clock } = this.#options;
    if (clock.monotonicMs() - atMs < REOPEN_WAIT_MS) throw error;
    await this.#database.close();
    this.#database = newDatabase(directory);
    await this.#database.open();
  }

  /** @param moves new places in the expiry index; `undefined`: taken out */
  #operations(change: Change, moves: Map<string, number | undefined>): LevelOperation[] {
    const operations: LevelOperation[] = [];
    switch (change.type) {
      case "put-record":
        operations.push(...this.#putRecord(change.held, moves));
        break;
      case "delete-record":
        operations.push(...this.#leaveIndex(change.slotId, moves));
        operations.push({ type: "del", key: `record/${change.slotId}` });
        break;
      case "put-floor": {
        const value = encodeStoredFloor(change.floor, this.#storeClock);
        operations.push({ type: "put", key: `floor/${change.floor.slotId}`, value });
        break;
      }
      case "delete-floor":
        operations.push({ type: "del", key: `floor/${change.slotId}` });
        break;
      case "put-meta":
        operations.push({ type: "put", key: `meta/${change.name}`, value: change.value });
        break;
      case "delete-meta":
        operations.push({ type: "del", key: `meta/${change.name}` });
    }
    return operations;
  }

  #putRecord(held: HeldRecord, moves: Map<string, number | undefined>): LevelOperation[] {
    const { slotId } = held;
    const former = this.#leaveIndex(slotId, moves);
    const atMs = expiresAtMs(held, this.#storeClock);
    moves.set(slotId, atMs);
    return [
      ...former,
      { type: "put", key: expiryKey(atMs, slotId), value: new Uint8Array() },
      { type: "put", key: `record/${slotId}`, value: encodeStoredRecord(held, this.#storeClock) },
    ];
  }

  #leaveIndex(slotId: string, moves: Map<string, number | undefined>): LevelOperation[] {
    const atMs = moves.has(slotId) ? moves.get(slotId) : this.#expiryOf.get(slotId);
    moves.set(slotId, undefined);
    return atMs === undefined ? [] : [{ type: "del", key: expiryKey(atMs, slotId) }];
  }

  /** Follows in memory what the disk has taken. */
  #apply(changes: readonly Change[], moves: ReadonlyMap<string, number | undefined>): void {
    for (const [slotId, atMs] of moves) {
      if (atMs === undefined) this.#expiryOf.delete(slotId);
      else this.#expiryOf.set(slotId, atMs);
    }
    for (const change of changes) {
      if (change.type === "put-meta") this.#meta.set(change.name, change.value);
      if (change.type === "delete-meta") this.#meta.delete(change.name);
    }
  }

  /** This moment, as each write notes it. */
  clockMark(): Uint8Array {
    const { clock } = this.#options;
    const storeMs = this.#storeClock.toStoreMs(clock.monotonicMs());
    return encodeClockMark({ storeMs, wallMs: clock.wallMs() });
  }
}
