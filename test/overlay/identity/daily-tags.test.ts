import { createHmac, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { DAY_MS, DailyTags, dayOf, linkKeyOf } from "../../../overlay/identity/daily-tags.ts";
import { KeyLabels, labelOf } from "../../../overlay/identity/key-labels.ts";
import { isHostTag } from "../../../overlay/link/announcement.ts";
import { isKeyLabel } from "../../../overlay/link/key-questions.ts";
import { fromBase32, toBase32 } from "../../../platform/base32.ts";
import { toHex, utf8 } from "../../../platform/bytes.ts";

const SECRET = new Uint8Array(32).fill(7);
const KEY = linkKeyOf(SECRET);
const MADE = { stampMs: 1_763_596_800_123, generation: 3 };

describe("daily tags", () => {
  it("are HMACs under a key of the day, as docs/protocol.md has it", () => {
    const hmac = (key: Uint8Array, text: string): Buffer =>
      createHmac("sha256", key).update(text).digest();
    const dayKey = hmac(hmac(SECRET, "causeway-link-1"), "day\u000020000");
    const tag = toBase32(hmac(dayKey, "host\0abcd")).slice(0, 20);
    expect(new DailyTags(KEY, 20_000).tagOf("host", "abcd")).toBe(tag);
  });

  it("change with day, overlay and purpose, and with nothing else", () => {
    const tagsOf = (key: Uint8Array, day: number): string[] =>
      (["overlay", "subnet", "host"] as const).map((purpose) =>
        new DailyTags(key, day).tagOf(purpose, "abcd"),
      );
    const other = linkKeyOf(new Uint8Array(32).fill(8));
    const all = [...tagsOf(KEY, 1), ...tagsOf(KEY, 2), ...tagsOf(other, 1)];
    expect(new Set(all).size).toBe(9);
    for (const tag of all) expect(isHostTag(tag) && tag.length === 20).toBe(true);
    expect(tagsOf(KEY, 1)).toEqual(tagsOf(KEY, 1));
    expect(dayOf(DAY_MS - 1)).toBe(0);
    expect(dayOf(DAY_MS)).toBe(1);
  });

  it("seal when a subnet was made, for that day, host and subnet", () => {
    const tags = new DailyTags(KEY, 1);
    const sealed = tags.seal(MADE, "host", "subnet");
    expect(sealed).toMatch(/^[a-z2-7]{20}$/);
    expect(tags.unseal(fromBase32(sealed), "host", "subnet")).toEqual(MADE);
    expect(tags.unseal(new Uint8Array(11), "host", "subnet")).toBeUndefined();
    expect(tags.unseal(fromBase32(sealed), "other", "subnet")).not.toEqual(MADE);
    expect(new DailyTags(KEY, 2).seal(MADE, "host", "subnet")).not.toBe(sealed);
  });
});

describe("labels of record keys", () => {
  it("are found again by who holds the key, on that day only", () => {
    const [today, tomorrow] = [new DailyTags(KEY, 1), new DailyTags(KEY, 2)];
    const labels = new KeyLabels(today);
    const keys = Array.from({ length: 500 }, () => new Uint8Array(randomBytes(32)));
    for (const key of keys) labels.add(toHex(key));
    expect(labels.size).toBe(500);
    for (const key of keys) {
      expect(isKeyLabel(labelOf(today, key))).toBe(true);
      expect(labels.find(labelOf(today, key))).toBe(toHex(key));
      expect(labels.find(labelOf(tomorrow, key))).toBeUndefined();
    }
    expect(labels.find(toBase32(keys[0]!))).toBeUndefined();
  });

  it("are not mistaken for one that begins alike", () => {
    const tags = new DailyTags(KEY, 1);
    const labels = new KeyLabels(tags);
    const key = utf8("k".repeat(32));
    labels.add(toHex(key));
    const label = labelOf(tags, key);
    const forged = label.slice(0, 30) + (label[30] === "a" ? "b" : "a") + label.slice(31);
    expect(labels.find(forged)).toBeUndefined();
  });
});
