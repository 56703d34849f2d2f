/** Services are dealt to a few slots, and each slot to one live host of the crew. */
import { createHash } from "node:crypto";
import { utf8 } from "../../platform/bytes.ts";
import { serviceKey, type ServiceId } from "../zeroconf/service.ts";

export const SLOTS = 4;

/** Of a service of this link. */
export function slotOfService(id: ServiceId): number {
  return slotOfText(serviceKey(id));
}

/** Of a service of another link. */
export function slotOfOrigin(originId: string): number {
  return slotOfText(originId);
}

function slotOfText(text: string): number {
  return createHash("sha256").update(utf8(text)).digest()[0]! % SLOTS;
}
