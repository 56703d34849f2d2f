import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nameCandidates } from "../../../bridge/importer/instance-names.ts";
import { decodeNames, encodeNames, LinkNames } from "../../../bridge/importer/remembered-names.ts";
import { utf8 } from "../../../platform/bytes.ts";
import { WireError } from "../../../platform/errors.ts";
import { idOf } from "../exchange/samples.ts";

describe("the names tried for a service", () => {
  it("are its own, then with its site, then numbered; a remembered one first", () => {
    expect(nameCandidates("Music", "anna", undefined).slice(0, 4)).toEqual([
      "Music",
      "Music (anna)",
      "Music (2)",
      "Music (3)",
    ]);
    expect(nameCandidates("Music", "anna", "Music (2)")[0]).toBe("Music (2)");
  });

  it("stay labels of 63 bytes, cut between characters as people see them", () => {
    const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 63 });
    const label = text.filter((one) => utf8(one).length <= 63);
    fc.assert(
      fc.property(label, label, (instance, site) => {
        for (const name of nameCandidates(instance, site, undefined)) {
          expect(utf8(name).length).toBeLessThanOrEqual(63);
          expect(name.isWellFormed()).toBe(true);
        }
      }),
    );
    const family = "👩‍👩‍👧‍👦".repeat(2);
    for (const name of nameCandidates(family, "anna at the harbour", undefined).slice(1, 2))
      expect(name).toMatch(/^👩‍👩‍👧‍👦 \(/u);
  });
});

describe("remembered names", () => {
  it("come back from disk, each link's own", () => {
    const names = new LinkNames(new Map());
    expect(names.set(idOf("s"), idOf("o"), "Music (2)")).toBe(true);
    expect(names.set(idOf("s"), idOf("o"), "Music (2)")).toBe(false);
    names.set(idOf("t"), idOf("o"), "Music");
    const again = decodeNames(utf8(encodeNames(names)));
    expect(again.of(idOf("s")).get(idOf("o"))).toBe("Music (2)");
    expect(again.of(idOf("t")).get(idOf("o"))).toBe("Music");
  });

  it.each(["", "[]", "null", '{"x":{}}', `{"${idOf("s")}":{"${idOf("o")}":""}}`, "\u0000"])(
    "refuse %j",
    (text) => {
      expect(() => decodeNames(utf8(text))).toThrow(WireError);
    },
  );
});
