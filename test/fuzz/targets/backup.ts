/** Backup files: damaged ones are refused with words, and an entry is whole or not there. */
import {
  decodeBackup,
  decodeEntries,
  encodeBackup,
  encodeEntries,
} from "../../../overlay/backup/backup-file.ts";
import { OverlayError } from "../../../overlay/errors.ts";
import { ByteReader, utf8 } from "../../../platform/bytes.ts";
import { isSameValue, Violation, type FuzzTarget } from "../engine/target.ts";

const ENTRIES = [
  { name: "host.key", bytes: new Uint8Array(32).fill(7) },
  { name: "overlay.json", bytes: utf8("{}") },
];

const backupFile: FuzzTarget = {
  name: "backup-file",
  covers: ["overlay/backup/backup-file.ts decodeBackup"],
  format: "bytes",
  bytesMax: 4096,
  dictionary: [],
  refusals: [OverlayError],
  seeds: () => [encodeBackup(ENTRIES, null), encodeBackup([], null)],
  run(bytes) {
    decodeBackup(bytes, null);
  },
};

const backupEntries: FuzzTarget = {
  name: "backup-entries",
  covers: ["overlay/backup/backup-file.ts decodeEntries"],
  format: "bytes",
  bytesMax: 4096,
  dictionary: [utf8("host.key")],
  seeds: () => [encodeEntries(ENTRIES), encodeEntries([])],
  run(bytes) {
    const entries = decodeEntries(new ByteReader(bytes));
    const again = decodeEntries(new ByteReader(encodeEntries(entries)));
    if (!isSameValue(entries, again)) throw new Violation("read again, the entries differ");
  },
};

export const BACKUP_TARGETS = [backupFile, backupEntries];
