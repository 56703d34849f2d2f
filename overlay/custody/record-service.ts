/** Record calls from siblings and neighbours, decoded, bounded, answered. */
import { OverlayError } from "../errors.ts";
import { FLOORS_ASKED_MAX } from "../records/floor-answer.ts";
import {
  FloorsRequestCodec,
  FloorsResponseCodec,
  GetRequestCodec,
  GetResponseCodec,
  PutRequestCodec,
  PutResponseCodec,
} from "../schema/messages.ts";
import { toGetResponse } from "./answer.ts";
import type { Custodian } from "./custodian.ts";
import { CALL } from "../schema/methods.ts";

const ITEMS_MAX = 64;
const KEY_BYTES = 32;

export interface RecordCall {
  readonly method: string;
  readonly body: Uint8Array;
  /** A host of our own subnet, which may ask for this host's own store. */
  readonly isSibling: boolean;
  /** Subnet that the caller acts for. */
  readonly subnetId: string;
  /** The caller's host id, proven. */
  readonly hostId: string;
}

/** @throws {OverlayError} or {WireError} that goes back to the caller */
export async function serveRecords(custodian: Custodian, call: RecordCall): Promise<Uint8Array> {
  switch (call.method) {
    case CALL.put:
      return servePut(custodian, call);
    case CALL.get:
      return serveGet(custodian, call);
    case CALL.floors:
      return serveFloors(custodian, call);
    default:
      throw new OverlayError("ERR_OVERLAY_REFUSED", `no call "${call.method.slice(0, 40)}"`);
  }
}

async function servePut(
  custodian: Custodian,
  { body, isSibling, subnetId, hostId }: RecordCall,
): Promise<Uint8Array> {
  const { items, isInside } = PutRequestCodec.decode(body);
  if (items.length > ITEMS_MAX)
    throw new OverlayError("ERR_OVERLAY_QUOTA", `${items.length} records in one put`);
  const outcomes =
    isSibling && isInside
      ? await custodian.putInside(items, hostId)
      : await custodian.put(items, { host: hostId, subnetId: isSibling ? null : subnetId });
  return PutResponseCodec.encode({ outcomes });
}

async function serveGet(
  custodian: Custodian,
  { body, isSibling }: RecordCall,
): Promise<Uint8Array> {
  const { key, isInside, isQuick, after } = GetRequestCodec.decode(body);
  if (key.length !== KEY_BYTES)
    throw new OverlayError("ERR_OVERLAY_RECORD", `a key of ${key.length} bytes`);
  const isOfStore = isSibling && isInside;
  const answer = isOfStore
    ? custodian.answerInside(key, after)
    : await custodian.get(key, isQuick, after);
  return GetResponseCodec.encode(toGetResponse(answer, isOfStore));
}

async function serveFloors(
  custodian: Custodian,
  { body, isSibling }: RecordCall,
): Promise<Uint8Array> {
  const { slots, isInside } = FloorsRequestCodec.decode(body);
  if (slots.length > FLOORS_ASKED_MAX)
    throw new OverlayError("ERR_OVERLAY_QUOTA", `${slots.length} slots in one question`);
  const slotIds = slots.map((slot) => Buffer.from(slot).toString("base64url"));
  const floors =
    isSibling && isInside
      ? custodian.floors.own(slotIds)
      : await custodian.floors.ofSubnet(slotIds);
  return FloorsResponseCodec.encode({ floors });
}
