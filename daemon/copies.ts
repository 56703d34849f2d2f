/** The text form of a copy policy, as the command line and the local API write it. */
import type { CopyPolicy } from "../overlay/index.ts";
import { COPIES_MAX } from "./api/api-types.ts";

export const COPIES_ALLOWED = `one, all, demand, or a number from 1 to ${COPIES_MAX}`;

/** `undefined` when the text is none of `COPIES_ALLOWED`. */
export function parseCopies(text: string): CopyPolicy | undefined {
  if (text === "one" || text === "all" || text === "demand") return { type: text };
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= COPIES_MAX ? { type: "copies", count } : undefined;
}
