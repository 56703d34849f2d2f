/**
 * What a locked overlay shows on a link: tags and labels that change each day and that only members
 * and bearers of its tokens can tell apart.
 *
 * Each is an HMAC-SHA256 (RFC 2104) under a key of the UTC day, which comes of the link key, which
 * comes of the overlay's secret. It hides who is on a link from passers-by, and that they were there
 * yesterday; it hides nothing from members, and no hardware or network address.
 */
import { createHmac } from "node:crypto";
import { toBase32 } from "../../platform/base32.ts";
import { utf8 } from "../../platform/bytes.ts";

export const DAY_MS = 24 * 3_600_000;
const LINK_KEY_PURPOSE = "causeway-link-1";
const TAG_CHARACTERS = 20;
/** 8 bytes of stamp, 4 of generation. */
const MADE_BYTES = 12;
const STAMP_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** The key that a token carries and a member derives. */
export function linkKeyOf(overlaySecret: Uint8Array): Uint8Array {
  return hmac(overlaySecret, utf8(LINK_KEY_PURPOSE));
}

/** Days since 1970, UTC. */
export function dayOf(wallMs: number): number {
  return Math.floor(wallMs / DAY_MS);
}

/** When a subnet was made, and the generation of its key. */
export interface Made {
  readonly stampMs: number;
  readonly generation: number;
}

/** The tags of one overlay on one day. */
export class DailyTags {
  readonly day: number;
  readonly #key: Uint8Array;

  constructor(linkKey: Uint8Array, day: number) {
    this.day = day;
    this.#key = hmac(linkKey, utf8(`day\0${day}`));
  }

  /** @param tag the one that stands for the same thing in an unlocked overlay */
  tagOf(purpose: "overlay" | "subnet" | "host", tag: string): string {
    return toBase32(hmac(this.#key, utf8(`${purpose}\0${tag}`))).slice(0, TAG_CHARACTERS);
  }

  /** What stands for a record's key in a question; 32 bytes. */
  digestOf(key: Uint8Array): Uint8Array {
    return createHmac("sha256", this.#key).update("key\0").update(key).digest();
  }

  /**
   * Hides when a subnet was made, and tells it again.
   *
   * @param hostTag, subnetTag as they are announced beside it: no two hosts seal alike
   */
  seal({ stampMs, generation }: Made, hostTag: string, subnetTag: string): string {
    const bytes = new Uint8Array(MADE_BYTES);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(stampMs));
    view.setUint32(8, generation);
    return toBase32(this.#mask(bytes, hostTag, subnetTag));
  }

  /** @returns absent when it was not sealed so */
  unseal(sealed: Uint8Array, hostTag: string, subnetTag: string): Made | undefined {
    if (sealed.length !== MADE_BYTES) return undefined;
    const view = new DataView(this.#mask(sealed, hostTag, subnetTag).buffer);
    const stamp = view.getBigUint64(0);
    if (stamp > STAMP_MAX) return undefined;
    return { stampMs: Number(stamp), generation: view.getUint32(8) };
  }

  #mask(bytes: Uint8Array, hostTag: string, subnetTag: string): Uint8Array<ArrayBuffer> {
    const mask = hmac(this.#key, utf8(`made\0${hostTag}\0${subnetTag}`));
    return Uint8Array.from(bytes, (byte, i) => byte ^ mask[i]!);
  }
}

function hmac(key: Uint8Array, body: Uint8Array): Uint8Array {
  return createHmac("sha256", key).update(body).digest();
}
