/** Records and version floors as they lie on disk; schema in `overlay/schema/record.proto`. */
import { errorMessage, WireError } from "../../platform/errors.ts";
import { decodeRecord, encodeRecord, type SignedRecord } from "./record.ts";
import { fromWireLong, messageCodec, toWireLong, type WireLong } from "./record-schema.ts";
import type { HeldRecord } from "./record-store.ts";
import type { Origin } from "./quota-tally.ts";
import type { StoreClock } from "./store-clock.ts";
import type { VersionFloor } from "./version-floors.ts";

interface StoredRecordMessage {
  readonly envelope: Uint8Array;
  readonly expiresAtMs: WireLong;
  readonly isOwned: boolean;
  readonly fromSubnet: string;
  readonly byHost: string;
  readonly isVouched: boolean;
}

interface StoredFloorMessage {
  readonly version: WireLong;
  readonly expiresAtMs: WireLong;
  readonly keepUntilMs: WireLong;
  readonly isRemoved: boolean;
  readonly fromSubnet: string;
}

const RECORD = messageCodec<StoredRecordMessage>("StoredRecord");
const FLOOR = messageCodec<StoredFloorMessage>("StoredFloor");

export interface StoredRecord extends Origin {
  readonly record: SignedRecord;
  /** On the store's clock. */
  readonly expiresAtMs: number;
  readonly isOwned: boolean;
}

/** End of a record's lifetime on the store's clock, a whole number and rounded to the short side. */
export function expiresAtMs({ deadlineMs }: HeldRecord, clock: StoreClock): number {
  return Math.max(0, Math.floor(clock.toStoreMs(deadlineMs)));
}

export function encodeStoredRecord(held: HeldRecord, clock: StoreClock): Uint8Array {
  return RECORD.encode({
    envelope: encodeRecord(held.record),
    expiresAtMs: toLong(expiresAtMs(held, clock)),
    isOwned: held.isOwned,
    fromSubnet: held.from ?? "",
    byHost: held.by,
    isVouched: held.isVouched,
  });
}

/** @throws {WireError} */
export function decodeStoredRecord(bytes: Uint8Array): StoredRecord {
  const message = wrapped(() => RECORD.decode(bytes));
  return {
    record: decodeRecord(message.envelope),
    expiresAtMs: fromLong(message.expiresAtMs),
    isOwned: message.isOwned,
    from: message.fromSubnet || null,
    by: message.byHost,
    isVouched: message.isVouched,
  };
}

export function encodeStoredFloor(floor: VersionFloor, clock: StoreClock): Uint8Array {
  return FLOOR.encode({
    version: toWireLong(floor.version),
    expiresAtMs: toLong(clock.toStoreMs(floor.deadlineMs)),
    keepUntilMs: toLong(clock.toStoreMs(floor.keepUntilMs)),
    isRemoved: floor.isRemoved,
    fromSubnet: floor.from ?? "",
  });
}

/** @throws {WireError} */
export function decodeStoredFloor(
  slotId: string,
  bytes: Uint8Array,
  clock: StoreClock,
): VersionFloor {
  const message = wrapped(() => FLOOR.decode(bytes));
  return {
    slotId,
    version: fromWireLong(message.version),
    deadlineMs: clock.toMonotonicMs(fromLong(message.expiresAtMs)),
    isRemoved: message.isRemoved,
    keepUntilMs: clock.toMonotonicMs(fromLong(message.keepUntilMs)),
    from: message.fromSubnet || null,
  };
}

function toLong(ms: number): WireLong {
  return toWireLong(BigInt(Math.max(0, Math.floor(ms))));
}

/** @throws {WireError} on a time that a number does not hold, and so would not come back */
function fromLong(value: WireLong): number {
  const ms = Number(fromWireLong(value));
  if (!Number.isSafeInteger(ms)) throw new WireError("a stored time out of range");
  return ms;
}

function wrapped<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw new WireError(`not a stored entry: ${errorMessage(cause)}`, -1, { cause });
  }
}
