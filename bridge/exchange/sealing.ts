/**
 * Service records for named hosts, each sealed to one of them (`sealTo`).
 *
 * Before sealing a record is padded to one of a few sizes, since length tells services apart. It lies in
 * the recipient's inbox, in a slot that is a keyed hash; so whoever holds the record learns for whom it
 * is and from whom, and nothing of what.
 */
import { createHmac } from "node:crypto";
import { toBase32 } from "../../platform/base32.ts";
import { utf8 } from "../../platform/bytes.ts";
import { WireError } from "../../platform/errors.ts";

/** With the box around them they stay below the 4096 bytes of a value. */
const SIZES = [512, 1024, 2048, 4000];
const LENGTH_BYTES = 2;

/** @throws {WireError} when there is too much of it */
export function padRecord(record: Uint8Array): Uint8Array {
  const size = SIZES.find((one) => one >= record.length + LENGTH_BYTES);
  if (size === undefined)
    throw new WireError(`a record of ${record.length} bytes cannot be sealed`);
  const padded = new Uint8Array(size);
  padded[0] = record.length >> 8;
  padded[1] = record.length & 0xff;
  padded.set(record, LENGTH_BYTES);
  return padded;
}

/** @throws {WireError} when it is not padded so */
export function decodePadded(padded: Uint8Array): Uint8Array {
  const length = padded.length < LENGTH_BYTES ? -1 : (padded[0]! << 8) | padded[1]!;
  if (length < 0 || length > padded.length - LENGTH_BYTES || !SIZES.includes(padded.length))
    throw new WireError("a sealed record that is not padded as it should be");
  return padded.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
}

/**
 * The slot of a sealed record: the same for the same service and recipient, and random to others.
 *
 * @param secret 32 bytes that this host keeps
 */
export function inboxSlot(secret: Uint8Array, originId: string, hostId: string): string {
  const digest = createHmac("sha256", secret)
    .update(utf8(`${originId}\0${hostId}`))
    .digest();
  return toBase32(digest);
}
