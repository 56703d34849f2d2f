/**
 * The records of one key, a page at a time.
 *
 * Pages go by slot id, which is the same at every host: whoever answers next goes on where the last
 * one stopped, and no host keeps a reader's place.
 */
import { OverlayError } from "../errors.ts";
import { compareRecords, decodeRecord, slotIdOf } from "../records/record.ts";
import type { RecordItem } from "../schema/messages.ts";

export interface RecordPage {
  /** By slot id, ascending. */
  readonly items: readonly RecordItem[];
  /** Slot id to go on after; empty: that was all. */
  readonly next: string;
}

/** A record with what it is sorted by. */
export interface SlotItem {
  readonly slotId: string;
  readonly bytes: number;
  readonly item: () => RecordItem;
}

/** Records in one answer take at most so much, so that it fits a frame with room to spare. */
export const PAGE_BYTES_MAX = 200 * 1024;
const ITEM_OVERHEAD_BYTES = 128;
/** Pages that one reader asks for: more than the largest key that can be configured fills. */
const PAGES_MAX = 4096;

/**
 * @param all   any order, one for each slot
 * @param after only slots after this one; empty: from the first
 */
export function pageOf(
  all: readonly SlotItem[],
  after: string,
  bytesMax = PAGE_BYTES_MAX,
): RecordPage {
  const ordered = all.filter(({ slotId }) => slotId > after).toSorted(bySlot);
  let bytes = 0;
  // The first always goes, or a reader would not get on.
  const end = ordered.findIndex((one, i) => (bytes += sizeOf(one)) > bytesMax && i > 0);
  const taken = end < 0 ? ordered : ordered.slice(0, end);
  const next = end < 0 ? "" : taken.at(-1)!.slotId;
  return { items: taken.map(({ item }) => item()), next };
}

/**
 * One page of several hosts' pages after the same slot: the newest of each slot, as far as all of
 * them reach.
 */
export function mergePages(pages: readonly RecordPage[], bytesMax = PAGE_BYTES_MAX): RecordPage {
  const reach = pages.flatMap(({ next }) => (next === "" ? [] : [next])).toSorted()[0];
  const newest = new Map<string, RecordItem>();
  for (const item of pages.flatMap(({ items }) => items)) {
    const record = decodeRecord(item.record);
    const slotId = slotIdOf(record);
    if (reach !== undefined && slotId > reach) continue;
    const known = newest.get(slotId);
    if (known === undefined || compareRecords(record, decodeRecord(known.record)) > 0)
      newest.set(slotId, item);
  }
  const all = [...newest].map(([slotId, item]) => ({
    slotId,
    bytes: item.record.length,
    item: () => item,
  }));
  const page = pageOf(all, "", bytesMax);
  return page.next === "" ? { ...page, next: reach ?? "" } : page;
}

/**
 * Reads on to the end.
 *
 * @param more the page after a slot
 * @throws {OverlayError} ERR_OVERLAY_REFUSED when the pages do not go forward; what `more` throws
 */
export async function readPages(
  first: RecordPage,
  more: (after: string) => Promise<RecordPage>,
): Promise<readonly RecordItem[]> {
  if (first.next === "") return first.items;
  const items = [...first.items];
  let { next } = first;
  for (let pages = 1; next !== ""; pages++) {
    const page = await more(next);
    items.push(...page.items);
    if (page.next !== "" && (page.next <= next || pages >= PAGES_MAX))
      throw new OverlayError("ERR_OVERLAY_REFUSED", "a holder's pages do not come to an end");
    next = page.next;
  }
  return items;
}

function bySlot(a: SlotItem, b: SlotItem): number {
  return a.slotId < b.slotId ? -1 : Number(a.slotId > b.slotId);
}

function sizeOf({ bytes }: SlotItem): number {
  return bytes + ITEM_OVERHEAD_BYTES;
}
