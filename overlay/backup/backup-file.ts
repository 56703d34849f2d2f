/**
 * One file with all that makes a host: its keys, its membership, its own records.
 *
 *     "causeway-backup\n"   16 bytes
 *     version               u16
 *     sealing               u8: 0 open, 1 scrypt and AES-256-GCM
 *     with sealing 1        log2 N u8, r u8, p u8, salt 16, nonce 12, tag 16
 *     payload               entries: name length u16, name, length u32, bytes
 *     checksum              SHA-256 of everything before
 *
 * The checksum tells a damaged file from a wrong passphrase; it proves nothing. What stands before
 * the tag is authenticated with the payload.
 */
import { createCipheriv, createDecipheriv, createHash, scryptSync } from "node:crypto";
import { ByteReader, ByteWriter, concatBytes, isEqualBytes, utf8 } from "../../platform/bytes.ts";
import { WireError } from "../../platform/errors.ts";
import { OverlayError } from "../errors.ts";

export const BACKUP_MAGIC = "causeway-backup\n";
export const BACKUP_VERSION = 1;
/** 128 MiB and half a second for each guess at a passphrase (RFC 7914). */
export const SCRYPT_COST: ScryptCost = { logN: 17, r: 8, p: 1 };
export const SALT_BYTES = 16;
export const NONCE_BYTES = 12;

const SEALING = { open: 0, passphrase: 1 } as const;
const TAG_BYTES = 16;
const CHECKSUM_BYTES = 32;
/** What a file may ask of the machine that reads it: 1 GiB. */
const SCRYPT_BYTES_MAX = 2 ** 30;
const NAME_BYTES_MAX = 255;

export interface ScryptCost {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

/** Named bytes: a small file of the state directory, or what the record store has of one record. */
export interface BackupEntry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface Sealing {
  readonly passphrase: string;
  /** 16 fresh bytes. */
  readonly salt: Uint8Array;
  /** 12 fresh bytes. */
  readonly nonce: Uint8Array;
  readonly cost: ScryptCost;
}

/** @param sealing null: whoever has the file has the keys in it */
export function encodeBackup(entries: readonly BackupEntry[], sealing: Sealing | null): Uint8Array {
  const head = new ByteWriter().bytes(utf8(BACKUP_MAGIC)).u16(BACKUP_VERSION);
  const payload = encodeEntries(entries);
  if (sealing === null) return checksummed(head.u8(SEALING.open).finish(), payload);
  const { passphrase, salt, nonce, cost } = sealing;
  head.u8(SEALING.passphrase).u8(cost.logN).u8(cost.r).u8(cost.p).bytes(salt).bytes(nonce);
  const authenticated = head.finish();
  const cipher = createCipheriv("aes-256-gcm", keyOf(passphrase, salt, cost), nonce);
  cipher.setAAD(authenticated);
  const sealed = Buffer.concat([cipher.update(payload), cipher.final()]);
  return checksummed(concatBytes(authenticated, cipher.getAuthTag()), sealed);
}

/** Whether a file begins as a backup does, whatever its version. */
export function isBackup(bytes: Uint8Array): boolean {
  return isEqualBytes(bytes.subarray(0, BACKUP_MAGIC.length), utf8(BACKUP_MAGIC));
}

/**
 * @throws {OverlayError} ERR_OVERLAY_BACKUP when it is no backup, of a newer version, damaged, or
 *   sealed with another passphrase
 */
export function decodeBackup(bytes: Uint8Array, passphrase: string | null): BackupEntry[] {
  if (!isBackup(bytes)) throw refused('it was not made by "causeway backup"');
  try {
    return decodeKnown(bytes, passphrase);
  } catch (cause) {
    if (cause instanceof WireError) throw damaged(cause);
    throw cause;
  }
}

function decodeKnown(bytes: Uint8Array, passphrase: string | null): BackupEntry[] {
  const reader = new ByteReader(bytes);
  reader.seek(BACKUP_MAGIC.length);
  const version = reader.u16();
  if (version > BACKUP_VERSION)
    throw refused(
      `a newer causeway made it (backup version ${version}, this one reads up to ${BACKUP_VERSION}); ` +
        "restore it with that one",
    );
  const body = bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_BYTES));
  if (!isEqualBytes(sha256(body), bytes.subarray(body.length))) throw damaged();
  const content = new ByteReader(body);
  content.seek(reader.offset);
  const sealing = content.u8();
  if (sealing === SEALING.open) return decodeEntries(content);
  if (sealing !== SEALING.passphrase) throw refused(`it is sealed in an unknown way (${sealing})`);
  if (passphrase === null)
    throw refused("it is sealed with a passphrase; give that with --passphrase-file FILE");
  return decodeEntries(new ByteReader(unseal(content, body, passphrase)));
}

function unseal(content: ByteReader, body: Uint8Array, passphrase: string): Uint8Array {
  const cost = { logN: content.u8(), r: content.u8(), p: content.u8() };
  if (scryptBytes(cost) > SCRYPT_BYTES_MAX) throw damaged();
  const salt = content.bytes(SALT_BYTES);
  const nonce = content.bytes(NONCE_BYTES);
  const authenticated = body.subarray(0, content.offset);
  const tag = content.bytes(TAG_BYTES);
  const sealed = content.bytes(content.remaining);
  const decipher = createDecipheriv("aes-256-gcm", keyOf(passphrase, salt, cost), nonce);
  decipher.setAAD(authenticated).setAuthTag(tag);
  const opened = decipher.update(sealed);
  try {
    return Buffer.concat([opened, decipher.final()]);
  } catch (cause) {
    throw refused("that is not the passphrase that it was sealed with", cause);
  }
}

export function encodeEntries(entries: readonly BackupEntry[]): Uint8Array {
  const writer = new ByteWriter(64 * 1024);
  for (const { name, bytes } of entries) {
    const text = utf8(name);
    writer.u16(text.length).bytes(text).u32(bytes.length).bytes(bytes);
  }
  return writer.finish();
}

/** @throws {WireError} */
export function decodeEntries(reader: ByteReader): BackupEntry[] {
  const entries: BackupEntry[] = [];
  while (reader.remaining > 0) {
    const nameBytes = reader.u16();
    if (nameBytes > NAME_BYTES_MAX) throw new WireError("an entry with too long a name");
    const name = new TextDecoder().decode(reader.bytes(nameBytes));
    entries.push({ name, bytes: new Uint8Array(reader.bytes(reader.u32())) });
  }
  return entries;
}

function keyOf(passphrase: string, salt: Uint8Array, cost: ScryptCost): Buffer {
  const { logN, r, p } = cost;
  // What one types may reach us composed or decomposed.
  const text = passphrase.normalize("NFC");
  return scryptSync(text, salt, 32, { N: 2 ** logN, r, p, maxmem: 2 * scryptBytes(cost) });
}

function scryptBytes({ logN, r, p }: ScryptCost): number {
  return 128 * r * (2 ** logN + p);
}

function checksummed(head: Uint8Array, payload: Uint8Array): Uint8Array {
  const body = concatBytes(head, payload);
  return concatBytes(body, sha256(body));
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}

function damaged(cause?: unknown): OverlayError {
  return refused("it is damaged: its checksum does not fit; use another copy of it", cause);
}

function refused(problem: string, cause?: unknown): OverlayError {
  return new OverlayError("ERR_OVERLAY_BACKUP", `backup refused: ${problem}`, { cause });
}
