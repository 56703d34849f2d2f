/**
 * What a backup holds: the small files of a state directory, and what the record store has of the
 * records that the host published.
 *
 * Records come back apart from those that are kept: `RESTORED_META` and the slot name each until
 * others have been asked what became of it since (`io/restored-records.ts`).
 */
import { utf8 } from "../../platform/bytes.ts";
import { OverlayError } from "../errors.ts";
import type { RecordStore } from "../records/record-store.ts";
import type { StoreClock } from "../records/store-clock.ts";
import {
  decodeStoredRecord,
  encodeStoredFloor,
  encodeStoredRecord,
} from "../records/stored-record.ts";
import { slotIdOf } from "../records/record.ts";
import { FLOOR_KEEP_MS } from "../records/version-floors.ts";
import type { BackupEntry } from "./backup-file.ts";

/** Named values of the record store: restored records that wait. */
export const RESTORED_META = "restored/";

const ABOUT = "about";
const FILE = "file/";
const RECORD = "record/";
const FLOOR = "floor/";
const META = "meta/";
const CLOCK = "clock";

/** What a backup says of itself. */
export interface BackupAbout {
  readonly hostId: string;
  readonly overlay: string | null;
  readonly madeAtMs: number;
}

/** Its parts, told apart. */
export interface BackupContent {
  readonly about: BackupAbout;
  /** Files of the state directory by name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Entries of the new record store, as LevelDB has them. */
  readonly store: readonly BackupEntry[];
  readonly records: number;
}

export function aboutEntry(about: BackupAbout): BackupEntry {
  return { name: ABOUT, bytes: utf8(JSON.stringify(about)) };
}

export function fileEntry(name: string, bytes: Uint8Array): BackupEntry {
  return { name: FILE + name, bytes };
}

/** What there is beside the records. */
export interface StoreFacts {
  readonly clock: StoreClock;
  readonly clockMark: Uint8Array;
  readonly meta: readonly BackupEntry[];
}

/** The host's own records, and the versions that it remembers of its own subnet's. */
export function storeEntries(store: RecordStore, facts: StoreFacts): BackupEntry[] {
  const { clock, clockMark, meta } = facts;
  const records = store.mine().map((held) => ({
    name: RECORD + held.slotId,
    bytes: encodeStoredRecord(held, clock),
  }));
  const floors = [...store.floors()]
    .filter(({ from }) => from === null)
    .map((floor) => ({ name: FLOOR + floor.slotId, bytes: encodeStoredFloor(floor, clock) }));
  const named = meta.map(({ name, bytes }) => ({ name: META + name, bytes }));
  return [{ name: CLOCK, bytes: clockMark }, ...records, ...floors, ...named];
}

/**
 * @param clock by which the new store counts, going on from the backup's
 * @throws {OverlayError} ERR_OVERLAY_BACKUP when a part is missing or strange
 */
export function readContent(
  entries: readonly BackupEntry[],
  fileNames: ReadonlySet<string>,
  clock: (mark: Uint8Array) => { readonly clock: StoreClock; readonly nowMs: number },
): BackupContent {
  const mark = entries.find(({ name }) => name === CLOCK)?.bytes;
  const about = entries.find(({ name }) => name === ABOUT)?.bytes;
  if (mark === undefined || about === undefined) throw incomplete("a part is missing");
  const time = clock(mark);
  const files = new Map<string, Uint8Array>();
  const store: BackupEntry[] = [{ name: CLOCK, bytes: mark }];
  let records = 0;
  for (const { name, bytes } of entries) {
    if (name.startsWith(FILE)) {
      const file = name.slice(FILE.length);
      // Such a name becomes a path.
      if (!fileNames.has(file)) throw incomplete(`a file "${file.slice(0, 40)}" in it`);
      files.set(file, bytes);
    } else if (name.startsWith(RECORD)) {
      records++;
      store.push(...restoredRecord(bytes, time));
    } else if (name.startsWith(FLOOR) || name.startsWith(META)) store.push({ name, bytes });
    // anything else is a later version's
  }
  return {
    about: JSON.parse(new TextDecoder().decode(about)) as BackupAbout,
    files,
    store,
    records,
  };
}

/** Put aside; and its version is known, so that a put in the meantime is newer. */
function restoredRecord(
  bytes: Uint8Array,
  { clock, nowMs }: { readonly clock: StoreClock; readonly nowMs: number },
): BackupEntry[] {
  const { record, expiresAtMs } = decodeStoredRecord(bytes);
  const slotId = slotIdOf(record);
  const floor = {
    slotId,
    version: record.version,
    deadlineMs: clock.toMonotonicMs(expiresAtMs),
    isRemoved: record.isRemoved,
    keepUntilMs: nowMs + FLOOR_KEEP_MS,
    from: null,
  };
  return [
    { name: META + RESTORED_META + slotId, bytes },
    { name: FLOOR + slotId, bytes: encodeStoredFloor(floor, clock) },
  ];
}

function incomplete(problem: string): OverlayError {
  return new OverlayError("ERR_OVERLAY_BACKUP", `backup refused: ${problem}; use another copy`);
}
