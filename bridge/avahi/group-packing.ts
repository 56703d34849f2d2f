/** How many services go into one of Avahi's entry groups. */
import type { AvahiCall } from "./protocol.ts";
import type { RegisteredItem } from "./registered-item.ts";

const GROUP_ITEMS_MAX = 16;
/** Avahi's `entries-per-entry-group-max`; each call makes one. */
const GROUP_CALLS_MAX = 32;

/** In their order, as full as the limits allow; what must be alone is. */
export function packGroups(
  items: readonly RegisteredItem[],
  callsOf: (item: RegisteredItem) => readonly AvahiCall[],
): readonly (readonly RegisteredItem[])[] {
  const groups: RegisteredItem[][] = [];
  let open: RegisteredItem[] = [];
  let calls = 0;
  for (const item of items) {
    if (item.isAlone) {
      groups.push([item]);
      continue;
    }
    const count = callsOf(item).length;
    if (open.length === 0 || open.length >= GROUP_ITEMS_MAX || calls + count > GROUP_CALLS_MAX) {
      open = [];
      calls = 0;
      groups.push(open);
    }
    open.push(item);
    calls += count;
  }
  return groups;
}
