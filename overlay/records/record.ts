/**
 * A signed record: the one thing that subnets keep for each other.
 *
 * It travels and rests as the exact bytes its publisher signed (`body`) with the signature beside
 * them, so what a later version adds survives an older holder. The envelope around the two is
 * fixed: a field there would be unsigned, and anybody on the way could write it.
 *
 * Schema: `overlay/schema/record.proto`. Rules: `docs/records.md`.
 */
import { createHash } from "node:crypto";
import { compareBytes, concatBytes, isEqualBytes, utf8 } from "../../platform/bytes.ts";
import { errorMessage, WireError } from "../../platform/errors.ts";
import { OverlayError } from "../errors.ts";
import { isSignedBy, KEY_BYTES, SIGNATURE_BYTES, type KeyPair } from "../identity/keys.ts";
import type { CopyPolicy, RecordView } from "../types.ts";
import { COPIES_MAX, decodeCopyPolicy, encodeCopyPolicy, isCopyCount } from "./copy-policy.ts";
import { ID_BYTES } from "./placement.ts";
import { fromWireLong, messageCodec, toWireLong, type WireLong } from "./record-schema.ts";

/** What a signature stands under; a zero byte follows it. */
export const RECORD_DOMAIN = "causeway-record-1";

export const SLOT_BYTES_MAX = 64;
export const VALUE_BYTES_MAX = 4096;
export const DELEGATION_BYTES_MAX = 1024;
export const LIFETIME_MIN_MS = 1000;
export const LIFETIME_MAX_MS = 24 * 3_600_000;
export const VERSION_MAX = 2n ** 64n - 1n;

/** The known fields at their largest take 5289 bytes; the rest is room for unknown ones. */
export const BODY_BYTES_MAX = 6144;

/** Body and signature with a tag and a length each. */
export const RECORD_BYTES_MAX = BODY_BYTES_MAX + SIGNATURE_BYTES + 8;

/** What a publisher says. */
export interface RecordFields {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** 32-byte Ed25519 public key. */
  readonly publisher: Uint8Array;
  /** At most 64 bytes as UTF-8. */
  readonly slot: string;
  /** 1..2^64-1; the newest of a publisher and slot wins. */
  readonly version: bigint;
  /** Wall clock of the publisher; informs, decides nothing. */
  readonly issuedAtMs: number;
  /** 1 s..24 h, counted by each holder from receipt. */
  readonly lifetimeMs: number;
  /** At most 4096 bytes; empty in a tombstone. */
  readonly value: Uint8Array;
  /** A tombstone: the publisher took the record back. */
  readonly isRemoved: boolean;
  readonly policy: CopyPolicy;
  /** Proof that a host lets this publisher speak, at most 1024 bytes; usually empty. */
  readonly delegation: Uint8Array;
}

export interface SignedRecord extends RecordFields {
  /** The bytes that were signed, with fields unknown here. */
  readonly body: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

interface BodyMessage {
  readonly key: Uint8Array;
  readonly publisher: Uint8Array;
  readonly slot: string;
  readonly version: WireLong;
  readonly issuedAtMs: WireLong;
  readonly lifetimeMs: number;
  readonly value: Uint8Array;
  readonly isRemoved: boolean;
  readonly copyPolicy: number;
  readonly copies: number;
  readonly delegation: Uint8Array;
}

const BODY = messageCodec<BodyMessage>("RecordBody");
const ENVELOPE = messageCodec<{ body: Uint8Array; signature: Uint8Array }>("RecordEnvelope");

/**
 * Signs a record with its publisher's key.
 *
 * @param signer the key pair of `fields.publisher`
 * @throws {OverlayError} ERR_OVERLAY_RECORD when a field is out of bounds
 */
export function signRecord(fields: RecordFields, signer: Pick<KeyPair, "sign">): SignedRecord {
  const problem = problemOf(fields);
  if (problem !== undefined) throw new OverlayError("ERR_OVERLAY_RECORD", problem);
  const body = BODY.encode({
    ...fields,
    version: toWireLong(fields.version),
    issuedAtMs: toWireLong(BigInt(fields.issuedAtMs)),
    ...encodeCopyPolicy(fields.policy),
  });
  return withBody(body, signer.sign(RECORD_DOMAIN, body));
}

/** Whether the publisher signed these very bytes; a delegation is the caller's to judge. */
export function verifyRecord(record: SignedRecord): boolean {
  return isSignedBy(record.publisher, RECORD_DOMAIN, record.body, record.signature);
}

export function encodeRecord({ body, signature }: SignedRecord): Uint8Array {
  return ENVELOPE.encode({ body, signature });
}

/** Length of `encodeRecord`, without the work. */
export function recordBytes({ body }: SignedRecord): number {
  return body.length + (body.length < 128 ? 2 : 3) + SIGNATURE_BYTES + 2;
}

/**
 * Reads a record and checks its bounds, not its signature: `verifyRecord` does.
 *
 * The bytes are copied once, so that a small record does not keep a large buffer alive.
 *
 * @throws {WireError}
 */
export function decodeRecord(bytes: Uint8Array): SignedRecord {
  if (bytes.length > RECORD_BYTES_MAX)
    throw new WireError(`a record of ${bytes.length} bytes; allowed: ${RECORD_BYTES_MAX}`);
  const { body, signature } = wrapped(() => ENVELOPE.decode(bytes));
  if (signature.length !== SIGNATURE_BYTES)
    throw new WireError(`a signature of ${signature.length} bytes; it has ${SIGNATURE_BYTES}`);
  return withBody(new Uint8Array(body), new Uint8Array(signature));
}

/** @throws {WireError} */
function withBody(body: Uint8Array, signature: Uint8Array): SignedRecord {
  if (body.length > BODY_BYTES_MAX)
    throw new WireError(`a record body of ${body.length} bytes; allowed: ${BODY_BYTES_MAX}`);
  const message = wrapped(() => BODY.decode(body));
  const issuedAtMs = Number(fromWireLong(message.issuedAtMs));
  const record: SignedRecord = {
    key: toBytes(message.key),
    publisher: toBytes(message.publisher),
    slot: message.slot,
    version: fromWireLong(message.version),
    issuedAtMs,
    lifetimeMs: message.lifetimeMs,
    value: toBytes(message.value),
    isRemoved: message.isRemoved,
    policy: decodeCopyPolicy(message),
    delegation: toBytes(message.delegation),
    body,
    signature,
  };
  const problem = problemOf(record);
  if (problem !== undefined) throw new WireError(problem);
  return record;
}

/** protobufjs throws `Error`, `RangeError` and, on bad UTF-8, `TypeError`. */
function wrapped<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw new WireError(`not a record: ${errorMessage(cause)}`, -1, { cause });
  }
}

/** An absent field is protobufjs' own empty array. */
function toBytes(field: Uint8Array): Uint8Array {
  return field.length === 0 ? new Uint8Array() : field;
}

/** The first bound that is broken, in words. */
function problemOf(fields: RecordFields): string | undefined {
  const { key, publisher, slot, version, issuedAtMs, lifetimeMs, value, policy } = fields;
  if (key.length !== ID_BYTES) return `a key of ${key.length} bytes; it has ${ID_BYTES}`;
  if (publisher.length !== KEY_BYTES)
    return `a publisher key of ${publisher.length} bytes; it has ${KEY_BYTES}`;
  if (!slot.isWellFormed()) return "a slot that is not Unicode text";
  if (utf8(slot).length > SLOT_BYTES_MAX)
    return `a slot of ${utf8(slot).length} bytes; allowed: ${SLOT_BYTES_MAX}`;
  if (version < 1n || version > VERSION_MAX) return `version ${version}; allowed: 1..2^64-1`;
  if (!Number.isSafeInteger(issuedAtMs) || issuedAtMs < 0) return `issue time ${issuedAtMs}`;
  if (!isLifetime(lifetimeMs))
    return `a lifetime of ${lifetimeMs} ms; allowed: ${LIFETIME_MIN_MS}..${LIFETIME_MAX_MS}`;
  if (value.length > VALUE_BYTES_MAX)
    return `a value of ${value.length} bytes; allowed: ${VALUE_BYTES_MAX}`;
  if (fields.isRemoved && value.length > 0) return "a tombstone with a value";
  if (policy.type === "copies" && !isCopyCount(policy.count))
    return `${policy.count} copies; allowed: 1..${COPIES_MAX}`;
  if (fields.delegation.length > DELEGATION_BYTES_MAX)
    return `a delegation of ${fields.delegation.length} bytes; allowed: ${DELEGATION_BYTES_MAX}`;
  return undefined;
}

function isLifetime(lifetimeMs: number): boolean {
  return (
    Number.isInteger(lifetimeMs) && lifetimeMs >= LIFETIME_MIN_MS && lifetimeMs <= LIFETIME_MAX_MS
  );
}

/**
 * Order of two records of one publisher and slot: positive when `a` is the one to keep.
 *
 * The newer version; of one version the tombstone, then the larger hash, so that holders who got
 * two records of one version (the publisher's fault) end with the same one.
 */
export function compareRecords(a: SignedRecord, b: SignedRecord): number {
  if (a.version !== b.version) return a.version > b.version ? 1 : -1;
  if (a.isRemoved !== b.isRemoved) return a.isRemoved ? 1 : -1;
  if (isSameRecord(a, b)) return 0;
  return compareBytes(hashOf(a), hashOf(b));
}

/** Same signed bytes; the signatures may differ. */
export function isSameRecord(a: SignedRecord, b: SignedRecord): boolean {
  return isEqualBytes(a.body, b.body);
}

function hashOf(record: SignedRecord): Uint8Array {
  return createHash("sha256").update(record.body).digest();
}

/** Names key, publisher and slot in 43 characters, whatever the slot's length. */
export function slotIdOf({ key, publisher, slot }: RecordFields): string {
  // Key and publisher have fixed lengths, so no two triples give the same bytes.
  return createHash("sha256")
    .update(concatBytes(key, publisher, utf8(slot)))
    .digest("base64url");
}

export function toRecordView(record: SignedRecord, expiresInMs: number): RecordView {
  const { key, publisher, slot, version, value } = record;
  return { key, publisher, slot, version, value, expiresInMs };
}
