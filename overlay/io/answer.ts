/** What a subnet answers to a get, inside the daemon and on the wire. */
import { fromBase32, toBase32 } from "../../platform/base32.ts";
import type { GetResponse, RecordItem } from "../schema/messages.ts";

export type ResolvedBy = "local" | "sibling" | "multicast" | "none";

export interface Answer {
  readonly items: readonly RecordItem[];
  readonly resolvedBy: ResolvedBy;
  /** Host id that had them. */
  readonly host: string;
}

/** Records in one answer take at most so much, so that it fits a frame with room to spare. */
const ITEMS_BYTES_MAX = 200 * 1024;
const ITEM_OVERHEAD_BYTES = 16;

export function toGetResponse(answer: Answer): GetResponse {
  const resolvedBy = { local: 1, sibling: 2, multicast: 3, none: 4 }[answer.resolvedBy];
  return { items: fitting(answer.items), resolvedBy, host: fromBase32(answer.host) };
}

/** The other way, from the wire. */
export function fromGetResponse(response: GetResponse): Answer {
  const names = ["none", "local", "sibling", "multicast", "none"] as const;
  return {
    items: response.items,
    resolvedBy: names[response.resolvedBy] ?? "none",
    host: toBase32(response.host),
  };
}

/** As many as one answer holds; a key with more than that is cut off here. */
function fitting(items: readonly RecordItem[]): RecordItem[] {
  let left = ITEMS_BYTES_MAX;
  return items.filter(({ record }) => (left -= record.length + ITEM_OVERHEAD_BYTES) >= 0);
}
