import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { utf8 } from "../../../platform/bytes.ts";
import {
  BACKUP_MAGIC,
  decodeBackup,
  encodeBackup,
  isBackup,
  type BackupEntry,
} from "../../../overlay/backup/backup-file.ts";
import { OverlayError } from "../../../overlay/errors.ts";

const ENTRIES: BackupEntry[] = [
  { name: "file/host.key", bytes: utf8("secret") },
  { name: "record/abc", bytes: new Uint8Array(70_000).fill(3) },
  { name: "floor/ä", bytes: new Uint8Array() },
];
const SEALING = {
  passphrase: "a long enough phrase",
  salt: new Uint8Array(16).fill(1),
  nonce: new Uint8Array(12).fill(2),
  cost: { logN: 10, r: 8, p: 1 },
};

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof OverlayError && error.code === "ERR_OVERLAY_BACKUP") return error.message;
    throw error;
  }
  return "";
}

describe("a backup file", () => {
  it("gives back what was put in, open or sealed", () => {
    expect(decodeBackup(encodeBackup(ENTRIES, null), null)).toEqual(ENTRIES);
    const sealed = encodeBackup(ENTRIES, SEALING);
    expect(decodeBackup(sealed, SEALING.passphrase)).toEqual(ENTRIES);
    expect(Buffer.from(sealed).includes("secret")).toBe(false);
    expect(isBackup(sealed)).toBe(true);
  });

  it("takes a passphrase as one types it, composed or not", () => {
    const composed = { ...SEALING, passphrase: "gro\u00df und \u00e4hnlich" };
    const sealed = encodeBackup(ENTRIES, composed);
    expect(decodeBackup(sealed, "gro\u00df und a\u0308hnlich")).toEqual(ENTRIES);
  });

  it("tells a wrong passphrase, a missing one, a damaged file and a newer version apart", () => {
    const sealed = encodeBackup(ENTRIES, SEALING);
    expect(refusal(() => decodeBackup(sealed, "another phrase"))).toMatch(/not the passphrase/);
    expect(refusal(() => decodeBackup(sealed, null))).toMatch(/--passphrase-file/);
    const damaged = Uint8Array.from(sealed);
    damaged[200]! ^= 1;
    expect(refusal(() => decodeBackup(damaged, SEALING.passphrase))).toMatch(/damaged/);
    expect(refusal(() => decodeBackup(sealed.subarray(0, 100), "x"))).toMatch(/damaged/);
    const newer = Uint8Array.from(encodeBackup(ENTRIES, null));
    newer[BACKUP_MAGIC.length + 1] = 2;
    expect(refusal(() => decodeBackup(newer, null))).toMatch(/newer causeway.*backup version 2/);
    expect(refusal(() => decodeBackup(utf8("a letter"), null))).toMatch(/causeway backup/);
  });

  it("refuses every change of a byte, and any bytes, with one code", () => {
    const open = encodeBackup(ENTRIES.slice(0, 1), null);
    for (let at = 0; at < open.length; at++) {
      const changed = Uint8Array.from(open);
      changed[at]! ^= 0x41;
      expect(refusal(() => decodeBackup(changed, null))).not.toBe("");
    }
    const bytes = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(bytes, (tail) => {
        const file = Buffer.concat([utf8(BACKUP_MAGIC), tail]);
        expect(refusal(() => decodeBackup(file, "some phrase"))).not.toBe("");
      }),
    );
  });

  it("does not let a file ask for more memory than a gigabyte", () => {
    const greedy = encodeBackup(ENTRIES, SEALING);
    greedy[BACKUP_MAGIC.length + 3] = 30;
    expect(refusal(() => decodeBackup(greedy, SEALING.passphrase))).toMatch(/damaged/);
  });
});
