/**
 * Which record key a question's label stands for on one day.
 *
 * Labels are keyed hashes, so a holder hashes what it has once a day and looks the label up; 52 bits
 * of each are kept, some 40 bytes an entry.
 */
import { fromBase32, toBase32 } from "../../platform/base32.ts";
import { fromHex } from "../../platform/bytes.ts";
import type { DailyTags } from "./daily-tags.ts";

export class KeyLabels {
  readonly #tags: DailyTags;
  readonly #keys = new Map<number, string>();

  constructor(tags: DailyTags) {
    this.#tags = tags;
  }

  get size(): number {
    return this.#keys.size;
  }

  add(keyHex: string): void {
    this.#keys.set(shortOf(this.#tags.digestOf(fromHex(keyHex))), keyHex);
  }

  /** @returns hex of the key; absent for a label of no key added */
  find(label: string): string | undefined {
    const keyHex = this.#keys.get(shortOf(fromBase32(label)));
    const isSo = keyHex !== undefined && labelOf(this.#tags, fromHex(keyHex)) === label;
    return isSo ? keyHex : undefined;
  }
}

export function labelOf(tags: DailyTags, key: Uint8Array): string {
  return toBase32(tags.digestOf(key));
}

function shortOf(digest: Uint8Array): number {
  const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
  return view.getUint32(0) * 2 ** 20 + (view.getUint32(4) >>> 12);
}
