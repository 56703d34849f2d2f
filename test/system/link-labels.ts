/** What a locked overlay's hosts ask their link for, from the secrets of one of them. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Bed } from "../../daemon/bench/bed.ts";
import { DailyTags, dayOf, linkKeyOf } from "../../overlay/identity/daily-tags.ts";
import { labelOf } from "../../overlay/identity/key-labels.ts";
import { fromHex } from "../../platform/bytes.ts";

/** What a host keeps in `overlay.json`. */
export function overlayFile(bed: Bed, host: string): Readonly<Record<string, unknown>> {
  const text = readFileSync(join(bed.lab.paths(host).state, "overlay.json"), "utf8");
  return JSON.parse(text) as Record<string, unknown>;
}

/** Today's labels of keys given in words. */
export function labelsOf(bed: Bed, host: string, keys: readonly string[]): string[] {
  const secret = fromHex(String(overlayFile(bed, host).secret));
  const today = new DailyTags(linkKeyOf(secret), dayOf(Date.now() + bed.lab.clock(host)));
  return keys.map((key) => labelOf(today, createHash("sha256").update(key).digest()));
}
