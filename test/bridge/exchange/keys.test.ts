import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyBytes, normalizeKey, wordKey } from "../../../bridge/exchange/keys.ts";

describe("a normalised key (z2z, thesis §4.3.1)", () => {
  it("is letters and digits alone, whatever their case", () => {
    expect(normalizeKey("Joe’s Music")).toBe("joesmusic");
    expect(normalizeKey("joesmusic")).toBe("joesmusic");
    expect(normalizeKey("Joe's Music_PW")).toBe("joesmusicpw");
    expect(normalizeKey("Tom's Music v1.2")).toBe("tomsmusicv12");
  });

  it.each([
    ["Straße", "STRASSE"],
    ["STRAẞE", "strasse"],
    ["ΟΔΥΣΣΕΥΣ", "οδυσσευς"],
    ["ﬁle", "FILE"],
    ["Ｆｕｌｌ", "full"],
    ["Cafe\u0301", "CAFÉ"],
    ["①", "1"],
  ])("is one for %s and %s", (a, b) => {
    expect(normalizeKey(a)).toBe(normalizeKey(b));
  });

  it.each([
    ["はな", "ばな"],
    ["कि", "कु"],
    ["音楽", "音"],
    ["e", "é"],
  ])("is not one for %s and %s, which are other letters", (a, b) => {
    expect(normalizeKey(a)).not.toBe(normalizeKey(b));
  });

  it("is a hash when nothing is left, another one for every such text", () => {
    const keys = ["***", "", "—", "🎵", "❤️", "\u0301"].map(normalizeKey);
    for (const key of keys) expect(key).toMatch(/^#[0-9a-f]{32}$/);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("is a hash of what is left when that is more than a record has room for", () => {
    const name = "ﷺ".repeat(21); // 63 bytes, of which 1500 become
    expect(normalizeKey(name)).toMatch(/^#[0-9a-f]{32}$/);
    expect(normalizeKey(name)).toBe(normalizeKey(` ${name.normalize("NFKC")}!`));
    expect(normalizeKey(name)).not.toBe(normalizeKey("ﷺ".repeat(20)));
    expect(normalizeKey("x".repeat(128))).toBe("x".repeat(128));
  });

  it("is the key of itself, for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const key = normalizeKey(text);
        expect(key === "" || key.startsWith("#") || normalizeKey(key) === key).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("is the text that `causeway get` takes", () => {
    expect(wordKey("Tom's Music")).toBe("bridge/key/tomsmusic");
    expect(keyBytes("x").length).toBe(32);
  });
});
