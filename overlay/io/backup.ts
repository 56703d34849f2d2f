/**
 * Taking a host's state into a file, and back out of it.
 *
 * A running daemon hands out its records; the keys are read from the disk by whoever may do that.
 */
import { readFile, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../platform/clock.ts";
import { isEqualBytes } from "../../platform/bytes.ts";
import { errorCode, errorMessage, WireError } from "../../platform/errors.ts";
import { SILENT } from "../../platform/logger.ts";
import {
  aboutEntry,
  fileEntry,
  readContent,
  storeEntries,
  type BackupAbout,
} from "../backup/backup-content.ts";
import type { BackupEntry } from "../backup/backup-file.ts";
import { OverlayError } from "../errors.ts";
import { RecordStore } from "../records/record-store.ts";
import { decodeClockMark, StoreClock } from "../records/store-clock.ts";
import { newDatabase } from "./level-files.ts";
import { openLevelStore, type LevelStore } from "./level-store.ts";
import { MemberState } from "./member-state.ts";
import { RECORDS_DIRECTORY, STATE_FILES, STATE_VERSION, StateDirectory } from "./state.ts";

/** Of a store that is open. */
export function recordEntries(store: RecordStore, level: LevelStore): BackupEntry[] {
  const meta = level.metaNames().map((name) => ({ name, bytes: level.getMeta(name)! }));
  return storeEntries(store, { clock: level.storeClock, clockMark: level.clockMark(), meta });
}

/**
 * The keys and all else but the records; a daemon may run meanwhile.
 *
 * @throws {OverlayError} ERR_OVERLAY_STORAGE when this user may not read them
 */
export async function keyEntries(stateDir: string, clock: Clock): Promise<BackupEntry[]> {
  const entries: BackupEntry[] = [];
  for (const name of Object.values(STATE_FILES)) {
    const path = join(stateDir, name);
    try {
      entries.push(fileEntry(name, await readFile(path)));
    } catch (error) {
      if (errorCode(error) === "ENOENT") continue;
      const message = `${path} cannot be read: ${errorMessage(error)}; run this as the daemon's user, or with sudo`;
      throw new OverlayError("ERR_OVERLAY_STORAGE", message, { cause: error });
    }
  }
  const { hostKey, overlay } = await StateDirectory.open(stateDir);
  const madeAtMs = Math.trunc(clock.wallMs());
  const name = overlay?.name ?? null;
  return [aboutEntry({ hostId: hostKey.id, overlay: name, madeAtMs }), ...entries];
}

/** The records of a state directory that no daemon runs on. */
export async function storedEntries(stateDir: string, clock: Clock): Promise<BackupEntry[]> {
  const { hostKey } = await StateDirectory.open(stateDir);
  const directory = join(stateDir, RECORDS_DIRECTORY);
  const { store: level, records, floors } = await openLevelStore({ directory, clock });
  try {
    const isMine = (publisher: Uint8Array): boolean => isEqualBytes(publisher, hostKey.publicKey);
    const store = new RecordStore({ isMine });
    store.restore(records, floors, clock.monotonicMs());
    return recordEntries(store, level);
  } finally {
    await level.close();
  }
}

/** Notes in a state directory that no daemon runs on that its keys are elsewhere, too. */
export async function noteStoredBackup(stateDir: string, clock: Clock): Promise<void> {
  const members = new MemberState(await StateDirectory.open(stateDir), false, clock, SILENT);
  await members.noteBackup(Math.trunc(clock.wallMs()));
}

export interface Restoration {
  readonly about: BackupAbout;
  /** Own records, which wait for what others know of them. */
  readonly records: number;
}

/**
 * Makes a state directory of a backup's entries. It appears whole, or not at all.
 *
 * @param stateDir is not there, or empty
 * @throws {OverlayError} ERR_OVERLAY_BACKUP or ERR_OVERLAY_STORAGE; nothing is left behind then
 */
export async function restoreState(
  stateDir: string,
  entries: readonly BackupEntry[],
  clock: Clock,
): Promise<Restoration> {
  const content = readBackup(entries, clock);
  const { about, files, store, records } = content;
  const making = `${stateDir}.restoring`;
  try {
    await rm(making, { recursive: true, force: true });
    await mkdir(making, { recursive: true, mode: 0o750 });
    for (const [name, bytes] of files)
      await writeFile(join(making, name), bytes, { mode: 0o600, flush: true });
    await fillStore(join(making, RECORDS_DIRECTORY), store);
    const state = await StateDirectory.open(making); // it reads as one
    if (state.overlay !== null)
      await state.saveOverlay({ ...state.overlay, backedUpAtMs: about.madeAtMs });
    await rename(making, stateDir);
  } catch (error) {
    await rm(making, { recursive: true, force: true });
    if (error instanceof OverlayError) throw error;
    throw new OverlayError(
      "ERR_OVERLAY_STORAGE",
      `${stateDir} cannot be made: ${errorMessage(error)}; choose another with --state`,
      { cause: error },
    );
  }
  return { about, records };
}

function readBackup(entries: readonly BackupEntry[], clock: Clock) {
  const names = new Set<string>(Object.values(STATE_FILES));
  const nowMs = clock.monotonicMs();
  try {
    const content = readContent(entries, names, (mark) => ({
      clock: new StoreClock(decodeClockMark(mark), nowMs, clock.wallMs()),
      nowMs,
    }));
    for (const needed of [STATE_FILES.host, STATE_FILES.version])
      if (!content.files.has(needed)) throw new WireError(`no ${needed} in it`);
    const version = Number(new TextDecoder().decode(content.files.get(STATE_FILES.version)));
    if (version !== STATE_VERSION)
      throw new OverlayError(
        "ERR_OVERLAY_BACKUP",
        `backup refused: it holds state of version ${version}, this causeway knows ${STATE_VERSION}; ` +
          "restore it with the one that made it",
      );
    return content;
  } catch (cause) {
    if (cause instanceof OverlayError) throw cause;
    const message = `backup refused: ${errorMessage(cause)}; use another copy`;
    throw new OverlayError("ERR_OVERLAY_BACKUP", message, { cause });
  }
}

async function fillStore(directory: string, entries: readonly BackupEntry[]): Promise<void> {
  await mkdir(directory, { mode: 0o700 });
  const database = newDatabase(directory);
  await database.open();
  try {
    const puts = entries.map(
      ({ name: key, bytes: value }) => ({ type: "put", key, value }) as const,
    );
    await database.batch(puts, { sync: true });
  } finally {
    await database.close();
  }
}
