import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BridgeError } from "../../../bridge/errors.ts";
import { parseRule } from "../../../bridge/rules/parse-rule.ts";
import { parseWholePeer } from "../../../bridge/rules/peer-names.ts";
import type { Rule } from "../../../bridge/rules/rule.ts";
import {
  ENTRIES_MAX,
  RULES_MAX,
  RuleBook,
  type RuleEntry,
} from "../../../bridge/rules/rule-book.ts";
import {
  decodeSyncMessage,
  encodeSyncMessage,
  entriesFromJson,
  entriesToJson,
} from "../../../bridge/rules/rule-text.ts";
import { WireError } from "../../../platform/errors.ts";

const HOSTS = ["a", "b", "c"].map((letter) => letter.repeat(52));

function rule(type: string, keys: readonly string[] = []): Rule {
  return parseRule({ type: "export", serviceType: type, keys }, "subnet", parseWholePeer);
}

/** Entries as hosts write them: few ids and counters, so that they meet. */
const entry: fc.Arbitrary<RuleEntry> = fc
  .record({
    type: fc.constantFrom("http", "ipp", "daap", "ssh"),
    key: fc.constantFrom("x", "y"),
    counter: fc.integer({ min: 1, max: 4 }),
    host: fc.constantFrom(...HOSTS),
    isGone: fc.boolean(),
  })
  .map(({ type, key, counter, host, isGone }) => ({
    id: rule(type).id,
    stamp: { counter, host },
    rule: isGone ? null : rule(type, [key]),
  }));

describe("a rule book", () => {
  it("converges whatever the order, the grouping and the repetition of merges", () => {
    fc.assert(
      fc.property(fc.array(fc.array(entry, { maxLength: 6 }), { maxLength: 6 }), (batches) => {
        const forward = new RuleBook();
        for (const batch of batches) forward.merge(batch);
        const backward = new RuleBook();
        for (const batch of batches.toReversed())
          for (const one of batch.toReversed()) backward.merge([one, one]);
        expect(backward.entries).toEqual(forward.entries);
        expect(backward.digest).toBe(forward.digest);
        expect(forward.merge(backward.entries)).toBe(false);
      }),
    );
  });

  it("brings two copies together by telling each what it lacks", () => {
    fc.assert(
      fc.property(fc.array(entry), fc.array(entry), (one, two) => {
        const [a, b] = [new RuleBook(one), new RuleBook(two)];
        const forB = a.newerThan(b.entries);
        const wanted = b.entries.filter(({ id }) => a.missingFrom(b.entries).includes(id));
        b.merge(forB);
        a.merge(wanted);
        const isSameStamp = JSON.stringify(a.entries.map(({ stamp }) => stamp));
        expect(JSON.stringify(b.entries.map(({ stamp }) => stamp))).toBe(isSameStamp);
        expect(a.digest).toBe(b.digest);
      }),
    );
  });

  it("remembers that a rule was taken away, so that an old copy does not bring it back", () => {
    const book = new RuleBook();
    book.set(rule("http"), HOSTS[0]!);
    const old = book.entries;
    expect(book.remove(rule("http").id, HOSTS[1]!)).toEqual(rule("http"));
    expect(book.remove(rule("http").id, HOSTS[1]!)).toBeUndefined();
    expect(book.merge(old)).toBe(false);
    expect(book.rules).toEqual([]);
    book.set(rule("http"), HOSTS[2]!);
    expect(book.rules).toHaveLength(1);
    expect(book.get(rule("http").id)?.stamp).toEqual({ counter: 3, host: HOSTS[2] });
  });

  it("takes 256 rules and refuses the next with what to do", () => {
    const book = new RuleBook();
    for (let i = 0; i < RULES_MAX; i++) book.set(rule(`t${i}`), HOSTS[0]!);
    expect(() => book.set(rule("one-more"), HOSTS[0]!)).toThrow(BridgeError);
    expect(() => book.set(rule("one-more"), HOSTS[0]!)).toThrow(/256 rules already; take one away/);
    book.set(rule("t0", ["key"]), HOSTS[0]!);
    book.remove(rule("t1").id, HOSTS[0]!);
    book.set(rule("one-more"), HOSTS[0]!);
  });

  it("is bounded, and two that overflow keep the same", () => {
    const many = (prefix: string, host: string): RuleEntry[] =>
      Array.from({ length: ENTRIES_MAX }, (_, i) => ({
        id: rule(`${prefix}${i}`).id,
        stamp: { counter: i + 1, host },
        rule: null,
      }));
    const [one, two] = [many("a", HOSTS[0]!), many("b", HOSTS[1]!)];
    const a = new RuleBook(one);
    a.merge(two);
    const b = new RuleBook(two);
    b.merge(one);
    expect(a.entries).toHaveLength(ENTRIES_MAX);
    expect(b.digest).toBe(a.digest);
    expect(() => a.set(rule("new"), HOSTS[0]!)).toThrow(/different rules have been set/);
  });
});

describe("rules as text", () => {
  const scope = "subnet" as const;

  it("come back as they were", () => {
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const read = entriesFromJson(JSON.parse(JSON.stringify(entriesToJson(entries))), scope);
        expect(read).toEqual(entries);
      }),
    );
    const imported = parseRule(
      { type: "import", types: ["http"], from: [`host:${HOSTS[0]}`], isLocalOnly: true },
      scope,
      parseWholePeer,
    );
    const entries = [{ id: imported.id, stamp: { counter: 1, host: HOSTS[0]! }, rule: imported }];
    expect(entriesFromJson(entriesToJson(entries), scope)).toEqual(entries);
  });

  it("is read by the checks that a person's request passes, and with no field unknown", () => {
    const book = new RuleBook();
    book.set(rule("http"), HOSTS[0]!);
    const [good] = entriesToJson(book.entries) as [{ rule: object }];
    const refuse = (change: object, message: RegExp) => {
      expect(() => entriesFromJson([change], scope)).toThrow(WireError);
      expect(() => entriesFromJson([change], scope)).toThrow(message);
    };
    refuse({ ...good, rule: { ...good.rule, serviceType: "_ipp._tcp" } }, /is in truth e-/);
    refuse({ ...good, rule: { ...good.rule, onlyAtNight: true } }, /unknown field "onlyAtNight"/);
    refuse({ ...good, rule: { ...good.rule, to: ["desk"] } }, /whole id/);
    refuse({ ...good, rule: { ...good.rule, isUnlisted: "no" } }, /bad "isUnlisted"/);
    refuse({ ...good, rule: { type: "export", serviceType: "_http._tcp" } }, /bad "name"/);
    refuse({ ...good, counter: 0 }, /counter/);
    refuse({ ...good, host: "x" }, /no host/);
    refuse([], /not an object/);
  });

  it("refuse messages that are none", () => {
    for (const text of [
      "",
      "{}",
      "[]",
      "null",
      '{"type":"hello"}',
      '{"type":"stamps","stamps":[[1]]}',
    ])
      expect(() => decodeSyncMessage(text)).toThrow(WireError);
    const hello = { type: "hello", subnet: HOSTS[0]!, digest: "0".repeat(64) } as const;
    expect(decodeSyncMessage(encodeSyncMessage(hello))).toEqual(hello);
  });
});
