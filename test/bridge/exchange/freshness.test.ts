import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FreshnessBook, type Statement } from "../../../bridge/exchange/freshness.ts";
import { originIdOf } from "../../../bridge/exchange/service-record.ts";
import { aRecord } from "./samples.ts";

const ORIGIN = originIdOf(aRecord());

function statement(publisher: string, version: bigint, given: Partial<Statement> = {}): Statement {
  const record = aRecord({ version, port: Number(version) });
  const base = { publisher, key: "k", slot: "s", deadlineMs: 1000, isVerified: true };
  return { ...base, record, ...given };
}

describe("the newest word", () => {
  it("holds whatever the order of arrival, unlike the oldest one of mDNS", () => {
    const versions = fc.uniqueArray(fc.bigInt({ min: 1n, max: 50n }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(versions, (given) => {
        const book = new FreshnessBook(10);
        for (const version of given) book.add(statement(`host ${version}`, version));
        const newest = given.reduce((a, b) => (a > b ? a : b));
        expect(book.get(ORIGIN)?.record.version).toBe(newest);
      }),
    );
  });

  it("voids older ones of others when its publisher takes it back, though they stay around", () => {
    const book = new FreshnessBook(10);
    book.add(statement("dead", 1n));
    book.add(statement("acting", 2n));
    expect(book.remove({ publisher: "acting", key: "k", slot: "s" })).toBe(ORIGIN);
    expect(book.get(ORIGIN)).toBeUndefined();
    book.add(statement("next", 3n));
    expect(book.get(ORIGIN)?.publisher).toBe("next");
  });

  it("voids nothing while its publisher still says it under another key", () => {
    const book = new FreshnessBook(10);
    book.add(statement("acting", 2n, { key: "a" }));
    book.add(statement("acting", 2n, { key: "b" }));
    book.remove({ publisher: "acting", key: "a", slot: "s" });
    expect(book.get(ORIGIN)?.keys).toEqual(new Set(["b"]));
  });

  it("voids nothing when it merely expires, as that of a dead host does", () => {
    const book = new FreshnessBook(10);
    book.add(statement("dead", 2n, { deadlineMs: 500 }));
    book.add(statement("late", 1n, { deadlineMs: 900 }));
    expect(book.nextExpiryMs()).toBe(500);
    expect(book.expire(500)).toEqual([ORIGIN]);
    expect(book.get(ORIGIN)?.publisher).toBe("late");
  });

  it("may be that the service is gone", () => {
    const book = new FreshnessBook(10);
    book.add(statement("dead", 1n));
    const record = aRecord({ version: 2n, isWithdrawn: true });
    book.add(statement("acting", 2n, { record }));
    expect(book.get(ORIGIN)).toBeUndefined();
  });

  it("is that of a host of the origin's subnet, before any version of who only says so", () => {
    const book = new FreshnessBook(10);
    book.add(statement("honest", 1n));
    book.add(statement("hijacker", 1000n, { isVerified: false }));
    expect(book.get(ORIGIN)?.publisher).toBe("honest");
    book.remove({ publisher: "hijacker", key: "k", slot: "s" });
    expect(book.get(ORIGIN)?.publisher).toBe("honest");
  });

  it("counts as verified once more is known of the origin's hosts, and stays so when they die", () => {
    const book = new FreshnessBook(10);
    book.add(statement("host", 1n, { isVerified: false }));
    expect(book.get(ORIGIN)?.isVerified).toBe(false);
    expect(book.verify((_, publisher) => publisher === "host")).toEqual([ORIGIN]);
    book.add(statement("host", 2n, { isVerified: false }));
    expect(book.get(ORIGIN)?.isVerified).toBe(true);
  });
});

describe("the book", () => {
  it("keeps so many services, and so many speakers on each, and no more", () => {
    const book = new FreshnessBook(3);
    for (let i = 0; i < 9; i++) {
      const record = aRecord({ instance: `service ${i}` });
      book.add(statement("host", 1n, { record, slot: `${i}` }));
    }
    expect([...book.originIds].length).toBe(3);
    const one = new FreshnessBook(3);
    for (let i = 0; i < 50; i++) one.add(statement(`host ${i}`, BigInt(i + 1)));
    expect(one.get(ORIGIN)?.record.version).toBe(8n);
  });

  it("takes a slot that says another service now as the end of the former one", () => {
    const book = new FreshnessBook(3);
    book.add(statement("host", 1n));
    const record = aRecord({ instance: "another" });
    book.add(statement("host", 2n, { record }));
    expect(book.get(ORIGIN)).toBeUndefined();
    expect(book.get(originIdOf(record))?.record.instance).toBe("another");
  });
});
