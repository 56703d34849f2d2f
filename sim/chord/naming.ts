/** Nodes that a message names stand in its list, so that what is known of their hosts goes with them. */
import { NONE } from "../engine/event-slab.ts";
import type { Lists } from "../engine/lists.ts";

/** A new list of one node; NONE for nobody. */
export function listOf(lists: Lists, node: number): number {
  if (node === NONE) return NONE;
  const list = lists.take();
  const at = list * lists.width;
  lists.words[at] = 1;
  lists.words[at + 1] = node;
  return list;
}

/** The first node of a list; NONE where there is none. */
export function firstOf(lists: Lists, list: number): number {
  return list === NONE ? NONE : lists.words[list * lists.width + 1]!;
}
