/** Records on their way between hosts, and whose quota each counts in. */
import { fromBase32, toBase32 } from "../../platform/base32.ts";
import type { Origin } from "../records/quota-tally.ts";
import { encodeRecord, recordBytes } from "../records/record.ts";
import { remainingMs, type HeldRecord } from "../records/record-store.ts";
import type { RecordItem } from "../schema/messages.ts";
import type { SlotItem } from "./record-page.ts";

const KEY_BYTES = 32;

/** Who brings records: a host of another subnet, or of our own. */
export interface Bringer {
  /** Base32 of the host key; empty: this host itself. */
  readonly host: string;
  /** Subnet that it acts for; `null`: our own. */
  readonly subnetId: string | null;
}

/** What another holder is to be given of a record. */
export function toItem(held: HeldRecord, nowMs: number): RecordItem {
  const item = { record: encodeRecord(held.record), remainingMs: remainingMs(held, nowMs) };
  return withOrigin(item, held);
}

export function toSlotItem(held: HeldRecord, nowMs: number): SlotItem {
  const { slotId, record } = held;
  return { slotId, bytes: recordBytes(record), item: () => toItem(held, nowMs) };
}

export function withOrigin({ record, remainingMs }: RecordItem, origin: Origin): RecordItem {
  const { from, by, isVouched } = origin;
  const subnet = from === null ? new Uint8Array() : idBytes(from);
  return { record, remainingMs, origin: { subnet, host: idBytes(by), isVouched } };
}

/** For another subnet, which need not know the hosts of this one. */
export function withSubnetOnly({ record, remainingMs, origin }: RecordItem): RecordItem {
  const subnet = origin?.subnet ?? new Uint8Array();
  return { record, remainingMs, origin: { subnet, host: new Uint8Array(), isVouched: false } };
}

/** For whom the origin is no concern. */
export function withoutOrigin({ record, remainingMs }: RecordItem): RecordItem {
  return { record, remainingMs };
}

/**
 * The origin of what a host brings for the whole subnet. Its own subnet's records are known to come
 * from there; of others' it can only say so, and it answers for what it says.
 */
export function originOf({ origin }: RecordItem, { host, subnetId }: Bringer): Origin {
  const claimed = idText(origin?.subnet);
  if (subnetId === null || claimed === "" || claimed === subnetId)
    return { from: subnetId, by: host, isVouched: false };
  return { from: claimed, by: host, isVouched: true };
}

/** The origin of a sibling's copy, as the sibling has it; without one the sibling is answerable. */
export function originOfCopy({ origin }: RecordItem, sibling: string): Origin {
  const from = idText(origin?.subnet) || null;
  const by = idText(origin?.host) || sibling;
  return { from, by, isVouched: origin?.isVouched === true };
}

function idBytes(id: string): Uint8Array {
  return id === "" ? new Uint8Array() : fromBase32(id);
}

function idText(bytes: Uint8Array | undefined): string {
  return bytes?.length === KEY_BYTES ? toBase32(bytes) : "";
}
