import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../../platform/bytes.ts";
import { keyShares } from "../../../overlay/records/quota-tally.ts";
import {
  RecordStore,
  RECORD_OVERHEAD_BYTES,
  remainingMs,
  type AcceptResult,
  type RecordOffer,
} from "../../../overlay/records/record-store.ts";
import { recordBytes, slotIdOf, type SignedRecord } from "../../../overlay/records/record.ts";
import { FLOOR_KEEP_MS } from "../../../overlay/records/version-floors.ts";
import { HOUR_MS, keyHexOf, makeRecord, publisherOf, type Wanted } from "./fixture.ts";

const KEY = keyHexOf("printer");

function offer(record: SignedRecord, given: Partial<RecordOffer> = {}): RecordOffer {
  return { record, remainingMs: record.lifetimeMs, from: "subnet-b", isOwned: true, ...given };
}

function put(store: RecordStore, wanted: Wanted, nowMs: number, given: Partial<RecordOffer> = {}) {
  return store.accept(offer(makeRecord(wanted), given), nowMs);
}

describe("versions", () => {
  it("keeps the newest version and refuses older ones, naming the floor", () => {
    const store = new RecordStore();
    expect(put(store, { version: 5n }, 0).type).toBe("stored");
    expect(put(store, { version: 4n }, 1)).toEqual({ type: "stale", floor: 5n });
    expect(put(store, { version: 6n, value: utf8("new") }, 2)).toMatchObject({ type: "stored" });
    expect(store.get(KEY, 3).map(({ record }) => record.version)).toEqual([6n]);
  });

  it("keeps a record of each publisher and slot under one key", () => {
    const store = new RecordStore();
    put(store, { publisher: "anna" }, 0);
    put(store, { publisher: "bert" }, 0);
    put(store, { publisher: "bert", slot: "second" }, 0);
    expect(store.get(KEY, 1)).toHaveLength(3);
  });

  it("calls the same record a duplicate, and never lengthens its life", () => {
    const store = new RecordStore();
    put(store, {}, 0, { remainingMs: 2000 });
    expect(put(store, {}, 1000, { remainingMs: HOUR_MS }).type).toBe("duplicate");
    expect(store.get(KEY, 1999)).toHaveLength(1);
    expect(store.get(KEY, 2000)).toHaveLength(0);
  });

  it("lets two holders agree on a publisher's two records of one version", () => {
    const one = makeRecord({ value: utf8("one") });
    const two = makeRecord({ value: utf8("two") });
    const winners = [
      [one, two],
      [two, one],
    ].map((order) => {
      const store = new RecordStore();
      for (const record of order) store.accept(offer(record), 0);
      return store.get(KEY, 1)[0]!.record.value;
    });
    expect(winners[0]).toEqual(winners[1]);
  });
});

describe("removal", () => {
  it("hides the record, keeps a tombstone for other holders, then a floor", () => {
    const store = new RecordStore();
    put(store, { version: 1n }, 0);
    put(store, { version: 2n, isRemoved: true }, 10);
    expect(store.get(KEY, 11)).toEqual([]);
    expect(store.getWithTombstones(KEY, 11)).toHaveLength(1);
    expect(put(store, { version: 1n }, 12)).toEqual({ type: "stale", floor: 2n });
    expect(store.counts(12)).toMatchObject({ owned: 0, tombstones: 1 });

    store.expire(10 + HOUR_MS);
    expect(store.counts(10 + HOUR_MS)).toMatchObject({ tombstones: 0, floors: 1, bytes: 0 });
    expect(put(store, { version: 1n }, 10 + HOUR_MS).type).toBe("stale");
    expect(put(store, { version: 2n }, 10 + HOUR_MS)).toEqual({ type: "stale", floor: 2n });
  });

  it("beats the record of the same version, whichever comes first", () => {
    const store = new RecordStore();
    put(store, { version: 3n }, 0);
    expect(put(store, { version: 3n, isRemoved: true }, 0).type).toBe("stored");
    expect(put(store, { version: 3n }, 0).type).toBe("stale");
  });

  it("counts also after its record has expired here, for others may have it longer", () => {
    const store = new RecordStore();
    put(store, { version: 3n }, 0, { remainingMs: 1000 });
    store.expire(1000);
    expect(put(store, { version: 3n, isRemoved: true }, 1001).type).toBe("stored");
  });
});

describe("lifetime", () => {
  it("counts from receipt, from what the giver had left", () => {
    const store = new RecordStore();
    put(store, { lifetimeMs: HOUR_MS }, 1000, { remainingMs: 5000 });
    const [held] = store.get(KEY, 1000);
    expect(remainingMs(held!, 3000)).toBe(3000);
    expect(store.wakeAtMs).toBe(6000);
  });

  it("is never more than the publisher gave, whatever the giver says", () => {
    const store = new RecordStore();
    put(store, { lifetimeMs: 10_000 }, 0, { remainingMs: Number.MAX_SAFE_INTEGER });
    expect(remainingMs(store.get(KEY, 0)[0]!, 0)).toBe(10_000);
    expect(store.get(KEY, 10_000)).toEqual([]);
  });

  it("does not grow on a walk from holder to holder and back", () => {
    const holders = [new RecordStore(), new RecordStore(), new RecordStore()];
    let nowMs = 0;
    put(holders[0]!, { lifetimeMs: 60_000 }, nowMs);
    for (let hop = 0; hop < 59; hop++) {
      const from = holders[hop % 3]!;
      const held = from.get(KEY, nowMs)[0]!;
      const given = { remainingMs: remainingMs(held, nowMs) };
      from.forget(held.slotId, nowMs);
      nowMs += 1000;
      expect(holders[(hop + 1) % 3]!.accept(offer(held.record, given), nowMs).type).toBe("stored");
    }
    // Each hop loses the second under way: it counts from receipt at the next holder.
    const last = holders[59 % 3]!.get(KEY, nowMs)[0]!;
    expect(remainingMs(last, nowMs)).toBeLessThanOrEqual(60_000);
    // The first holder knows when it must end: given back with too much, it gets no more than that.
    expect(holders[0]!.accept(offer(last.record), nowMs)).toMatchObject({
      type: "stored",
      held: { deadlineMs: 60_000 },
    });
  });

  it("does not begin again for a record that has expired", () => {
    const store = new RecordStore();
    put(store, { version: 1n }, 0, { remainingMs: 1000 });
    expect(put(store, { version: 1n }, 1000).type).toBe("expired"); // not yet taken out
    expect(store.expire(1000).expired).toHaveLength(1);
    expect(put(store, { version: 1n }, 1001).type).toBe("expired");
    expect(store.counts(1002).floors).toBe(1);
    expect(put(store, { version: 2n }, 1002).type).toBe("stored");
    expect(store.counts(1002).floors).toBe(0); // the record is its own floor
  });

  it("refuses what has nothing left", () => {
    const store = new RecordStore();
    expect(put(store, {}, 0, { remainingMs: 0 }).type).toBe("expired");
    expect(put(store, {}, 0, { remainingMs: -5 }).type).toBe("expired");
  });
});

describe("version floors", () => {
  it("outlive the longest lifetime, then go", () => {
    const store = new RecordStore();
    put(store, { version: 9n, lifetimeMs: 1000 }, 0);
    store.expire(1000);
    const endMs = 1000 + FLOOR_KEEP_MS;
    expect(endMs).toBeGreaterThan(24 * HOUR_MS);
    store.expire(endMs - 1);
    expect(put(store, { version: 8n }, endMs - 1)).toEqual({ type: "stale", floor: 9n });
    const { changes } = store.expire(endMs);
    expect(changes).toMatchObject([{ type: "delete-floor" }]);
    expect(put(store, { version: 8n }, endMs).type).toBe("stored");
  });

  it("are bounded, and a subnet that floods loses its own", () => {
    const store = new RecordStore({ floorsMax: 10 });
    put(store, { key: "good", version: 7n, lifetimeMs: 1000 }, 0, { from: "good" });
    store.expire(1000);
    for (let i = 0; i < 100; i++)
      put(store, { key: `flood ${i}`, lifetimeMs: 1000 }, 2000 + i, { from: "bad" });
    const { changes } = store.expire(4000);
    expect(changes.filter(({ type }) => type === "delete-floor")).toHaveLength(91);
    expect(store.counts(4000).floors).toBe(10);
    expect(put(store, { key: "good", version: 6n }, 4001).type).toBe("stale");
  });
});

describe("quotas", () => {
  it("bound the records of a key and of each publisher, but never bar a newer version", () => {
    const store = new RecordStore({ recordsPerKeyMax: 5, recordsPerPublisherMax: 3 });
    for (const slot of ["1", "2", "3"]) put(store, { slot }, 0);
    expect(put(store, { slot: "4" }, 0)).toEqual({ type: "quota", quota: "publisher" });
    put(store, { publisher: "bert" }, 0);
    put(store, { publisher: "cleo" }, 0);
    expect(put(store, { publisher: "dora" }, 0)).toEqual({ type: "quota", quota: "key" });
    expect(put(store, { slot: "1", version: 2n }, 0).type).toBe("stored");
    expect(put(store, { key: "other", publisher: "dora" }, 0).type).toBe("stored");
  });

  it("let no single subnet fill a key or the store, our own excepted", () => {
    const one = recordBytes(makeRecord({ slot: "0" })) + RECORD_OVERHEAD_BYTES;
    const store = new RecordStore({ recordsPerKeyAndSubnetMax: 2, subnetBytesMax: 4 * one });
    put(store, { slot: "1" }, 0);
    put(store, { slot: "2" }, 0);
    expect(put(store, { slot: "3" }, 0)).toEqual({ type: "quota", quota: "key-and-subnet" });
    expect(put(store, { slot: "3" }, 0, { from: "subnet-c" }).type).toBe("stored");
    put(store, { key: "k2", slot: "1" }, 0);
    put(store, { key: "k2", slot: "2" }, 0);
    expect(put(store, { key: "k3" }, 0)).toEqual({ type: "quota", quota: "subnet" });
    for (let i = 0; i < 9; i++)
      expect(put(store, { slot: `own ${i}` }, 0, { from: null }).type).toBe("stored");
  });

  it("let no host fill a key, whichever subnets it acts for and whoever publishes", () => {
    const store = new RecordStore({ ...keyShares(16), subnetBytesMax: 1e6 });
    const flood = (i: number, given: Partial<RecordOffer>): string => {
      const result = put(store, { publisher: `minted ${i}` }, 0, { by: "mallory", ...given });
      return result.type === "quota" ? result.quota : result.type;
    };
    for (let i = 0; i < 8; i++) expect(flood(i, { from: `invented ${i}` })).toBe("stored");
    for (let i = 8; i < 50; i++) expect(flood(i, { from: `invented ${i}` })).toBe("key-and-host");
    for (let i = 50; i < 60; i++) expect(flood(i, { from: null })).toBe("key-and-host");
    const vouched = { from: "innocent", isVouched: true };
    for (let i = 60; i < 62; i++) expect(flood(i, vouched)).toBe("stored");
    for (let i = 62; i < 99; i++) expect(flood(i, vouched)).toBe("key-and-voucher");
    for (let i = 100; i < 106; i++)
      expect(flood(i, { from: i % 2 === 0 ? null : "innocent", by: `honest ${i}` })).toBe("stored");
  });

  it("let no host of another subnet fill the store, whichever subnets it acts for", () => {
    const one = recordBytes(makeRecord({ key: "0" })) + RECORD_OVERHEAD_BYTES;
    const store = new RecordStore({ subnetBytesMax: 3 * one });
    for (let i = 0; i < 3; i++) put(store, { key: `${i}` }, 0, { from: `s${i}`, by: "mallory" });
    const more = { from: "s9", by: "mallory" };
    expect(put(store, { key: "9" }, 0, more)).toEqual({ type: "quota", quota: "host" });
    const own = { from: null, by: "sibling" };
    for (let i = 0; i < 9; i++) expect(put(store, { key: `own ${i}` }, 0, own).type).toBe("stored");
  });

  it("keep room in the store for this host's own records", () => {
    const one = recordBytes(makeRecord({ slot: "0" })) + RECORD_OVERHEAD_BYTES;
    const mine = publisherOf("me").publicKey;
    const store = new RecordStore({
      storeBytesMax: 8 * one,
      ownFraction: 1 / 4,
      isMine: (publisher) => Buffer.compare(publisher, mine) === 0,
    });
    for (let i = 0; i < 6; i++) expect(put(store, { slot: `${i}` }, 0).type).toBe("stored");
    expect(put(store, { slot: "6" }, 0)).toEqual({ type: "quota", quota: "store" });
    const own = { from: null, isOwned: false };
    expect(put(store, { publisher: "me", slot: "0" }, 0, own).type).toBe("stored");
    expect(put(store, { publisher: "me", slot: "1" }, 0, own).type).toBe("stored");
    expect(put(store, { publisher: "me", slot: "2" }, 0, own).type).toBe("quota");
    expect(store.mine()).toHaveLength(2);
    expect(store.counts(0)).toMatchObject({ owned: 6, copies: 2, mine: 2 });
  });

  it("give room back when records expire", () => {
    const store = new RecordStore({ recordsPerKeyMax: 1 });
    put(store, { slot: "1" }, 0, { remainingMs: 1000 });
    expect(put(store, { slot: "2" }, 500).type).toBe("quota");
    store.expire(1000);
    expect(put(store, { slot: "2" }, 1000).type).toBe("stored");
  });
});

describe("a claim", () => {
  it("shows readers nothing until it is committed, and leaves no trace when aborted", () => {
    const store = new RecordStore({ recordsPerKeyMax: 1 });
    const claim = store.prepare(offer(makeRecord()), 0);
    if (claim.type !== "claim") throw new Error("refused");
    expect(store.get(KEY, 0)).toEqual([]);
    expect(put(store, { slot: "other" }, 0).type).toBe("quota"); // its room is taken
    store.abort(claim);
    expect(store.counts(0).bytes).toBe(0);
    expect(put(store, { slot: "other" }, 0).type).toBe("stored");
  });

  it("keeps its slot from expiring under it", () => {
    const store = new RecordStore();
    put(store, { version: 1n }, 0, { remainingMs: 1000 });
    const claim = store.prepare(offer(makeRecord({ version: 2n })), 500);
    if (claim.type !== "claim") throw new Error("refused");
    expect(store.expire(1000).expired).toEqual([]);
    expect(store.get(KEY, 1000)).toEqual([]);
    store.abort(claim);
    expect(store.wakeAtMs).toBe(1000);
    expect(store.expire(1000).expired).toHaveLength(1);
    expect(store.counts(1000).bytes).toBe(0);
  });
});

type Step =
  | { type: "put"; wanted: Wanted; remainingMs: number; from: string | null }
  | { type: "forget"; slot: number }
  | { type: "pass"; ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("put" as const),
      wanted: fc
        .record({
          key: fc.constantFrom("a", "b"),
          publisher: fc.constantFrom("anna", "bert"),
          slot: fc.constantFrom("", "s"),
          version: fc.bigInt({ min: 1n, max: 4n }),
          isRemoved: fc.boolean(),
          lifetimeMs: fc.constantFrom(1000, 5000, 86_400_000),
        })
        .map((wanted): Wanted => wanted),
      remainingMs: fc.integer({ min: -1, max: 90_000_000 }),
      from: fc.constantFrom(null, "b", "c"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("forget" as const), slot: fc.nat(7) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("pass" as const),
      ms: fc.constantFrom(1, 999, 1000, 4000, HOUR_MS, 20 * HOUR_MS),
    }),
  },
);

function hasLargerHash(a: SignedRecord, b: SignedRecord): boolean {
  const [hashA, hashB] = [a, b].map(({ body }) => createHash("sha256").update(body).digest());
  return Buffer.compare(hashA!, hashB!) > 0;
}

/** Remembers everything that was ever stored and works out the rest each time. */
class NaiveStore {
  readonly #log: {
    record: SignedRecord;
    slotId: string;
    deadlineMs: number;
    goneAtMs: number;
    /** When its going was noticed, from which floors count. */
    buriedAtMs: number;
  }[] = [];

  accept(record: SignedRecord, remaining: number, nowMs: number): AcceptResult["type"] {
    const slotId = slotIdOf(record);
    const known = this.#newest(slotId, nowMs);
    let deadlineMs = nowMs + Math.min(remaining, record.lifetimeMs);
    if (known !== undefined) {
      const other = known.record;
      const isSame = Buffer.compare(other.body, record.body) === 0;
      const isHere = known.goneAtMs > nowMs;
      if (isHere && isSame) return "duplicate";
      if (record.version < other.version) return "stale";
      if (record.version === other.version) {
        if (other.isRemoved && !record.isRemoved) return "stale";
        if (isHere && other.isRemoved === record.isRemoved && hasLargerHash(other, record))
          return "stale";
        if (other.isRemoved === record.isRemoved)
          deadlineMs = Math.min(deadlineMs, known.deadlineMs);
      }
    }
    if (deadlineMs <= nowMs) return "expired";
    if (known !== undefined) known.goneAtMs = Math.min(known.goneAtMs, nowMs);
    this.#log.push({ record, slotId, deadlineMs, goneAtMs: deadlineMs, buriedAtMs: Infinity });
    return "stored";
  }

  forget(slotId: string, nowMs: number): void {
    for (const entry of this.#log)
      if (entry.slotId === slotId) entry.goneAtMs = Math.min(entry.goneAtMs, nowMs);
  }

  expire(nowMs: number): void {
    for (const entry of this.#log)
      if (entry.goneAtMs <= nowMs) entry.buriedAtMs = Math.min(entry.buriedAtMs, nowMs);
  }

  live(nowMs: number): string[] {
    return this.#log
      .filter(({ goneAtMs }) => goneAtMs > nowMs)
      .map(
        ({ record, deadlineMs }) =>
          `${slotIdOf(record)} ${record.version} ${record.isRemoved} ${deadlineMs}`,
      )
      .toSorted();
  }

  /** The last stored of a slot, unless it is gone for longer than floors are kept. */
  #newest(slotId: string, nowMs: number) {
    const last = this.#log.findLast((entry) => entry.slotId === slotId);
    return last !== undefined && last.buriedAtMs + FLOOR_KEEP_MS > nowMs ? last : undefined;
  }
}

describe("any sequence of operations", () => {
  it("gives the verdicts and the records of a naive store", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const store = new RecordStore();
        const naive = new NaiveStore();
        const slots = allSlots();
        let nowMs = 0;
        for (const one of steps) {
          if (one.type === "pass") nowMs += one.ms;
          store.expire(nowMs);
          naive.expire(nowMs);
          if (one.type === "put") {
            const record = makeRecord(one.wanted);
            const result = store.accept(offer(record, { remainingMs: one.remainingMs }), nowMs);
            expect(result.type).toBe(naive.accept(record, one.remainingMs, nowMs));
          }
          if (one.type === "forget") {
            store.forget(slots[one.slot]!, nowMs);
            naive.forget(slots[one.slot]!, nowMs);
            naive.expire(nowMs);
          }
          const live = [...store.all()].map(
            ({ slotId, record, deadlineMs }) =>
              `${slotId} ${record.version} ${record.isRemoved} ${deadlineMs}`,
          );
          expect(live.toSorted()).toEqual(naive.live(nowMs));
        }
      }),
      { numRuns: 150 },
    );
  });

  it("keeps every quota, and counts what is there", () => {
    const limits = {
      recordsPerKeyMax: 3,
      recordsPerPublisherMax: 2,
      recordsPerKeyAndSubnetMax: 2,
      subnetBytesMax: 3000,
      storeBytesMax: 5000,
      floorsMax: 3,
    };
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const store = new RecordStore(limits);
        const slots = allSlots();
        let nowMs = 0;
        for (const one of steps) {
          if (one.type === "pass") nowMs += one.ms;
          if (one.type === "pass" && nowMs % 2 === 0) store.expire(nowMs);
          if (one.type === "forget") store.forget(slots[one.slot]!, nowMs);
          if (one.type === "put")
            put(store, one.wanted, nowMs, { remainingMs: one.remainingMs, from: one.from });

          const all = [...store.all()];
          const sum = (some: typeof all) => some.reduce((bytes, held) => bytes + held.bytes, 0);
          for (const key of store.keys()) {
            const under = all.filter(({ keyHex }) => keyHex === key);
            expect(under.length).toBeLessThanOrEqual(3);
            for (const name of ["anna", "bert"]) {
              const hex = Buffer.from(publisherOf(name).publicKey).toString("hex");
              expect(under.filter((h) => h.publisherHex === hex).length).toBeLessThanOrEqual(2);
            }
            for (const subnet of ["b", "c"])
              expect(under.filter(({ from }) => from === subnet).length).toBeLessThanOrEqual(2);
          }
          for (const subnet of ["b", "c"])
            expect(sum(all.filter(({ from }) => from === subnet))).toBeLessThanOrEqual(3000);
          expect(sum(all)).toBeLessThanOrEqual(5000);
          expect(store.counts(nowMs).bytes).toBe(sum(all));
          expect(store.counts(nowMs).floors).toBeLessThanOrEqual(3);
          for (const held of all)
            expect(remainingMs(held, nowMs)).toBeLessThanOrEqual(held.record.lifetimeMs);
        }
      }),
      { numRuns: 150 },
    );
  });
});

function allSlots(): string[] {
  return ["a", "b"].flatMap((key) =>
    ["anna", "bert"].flatMap((publisher) =>
      ["", "s"].map((slot) => slotIdOf(makeRecord({ key, publisher, slot }))),
    ),
  );
}
