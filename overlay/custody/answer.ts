/** What a subnet answers to a get, inside the daemon and on the wire. */
import { fromBase32, toBase32 } from "../../platform/base32.ts";
import type { GetResponse } from "../schema/messages.ts";
import { withoutOrigin } from "./record-item.ts";
import type { RecordPage } from "./record-page.ts";

export type ResolvedBy = "local" | "sibling" | "multicast" | "none";

export interface Answer extends RecordPage {
  readonly resolvedBy: ResolvedBy;
  /** Host id that had them. */
  readonly host: string;
}

/** @param isInside a sibling asks: it is told whose quotas the records count in */
export function toGetResponse(answer: Answer, isInside = false): GetResponse {
  const resolvedBy = { local: 1, sibling: 2, multicast: 3, none: 4 }[answer.resolvedBy];
  const items = isInside ? [...answer.items] : answer.items.map(withoutOrigin);
  return { items, resolvedBy, host: fromBase32(answer.host), next: answer.next };
}

/** The other way, from the wire. */
export function fromGetResponse(response: GetResponse): Answer {
  const names = ["none", "local", "sibling", "multicast", "none"] as const;
  return {
    items: response.items,
    next: response.next,
    resolvedBy: names[response.resolvedBy] ?? "none",
    host: toBase32(response.host),
  };
}
