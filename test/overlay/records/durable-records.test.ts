import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OverlayError } from "../../../overlay/errors.ts";
import {
  DurableRecords,
  type RecordPersistence,
} from "../../../overlay/records/durable-records.ts";
import {
  RecordStore,
  type RecordOffer,
  type StoreChange,
} from "../../../overlay/records/record-store.ts";
import { slotIdOf } from "../../../overlay/records/record.ts";
import { keyHexOf, makeRecord, type Wanted } from "./fixture.ts";

const KEY = keyHexOf("printer");

function offer(wanted: Wanted, remainingMs = 60_000): RecordOffer {
  return { record: makeRecord(wanted), remainingMs, from: null, isOwned: true };
}

/** A disk in memory that answers when told, in order, and can be full. */
class SlowDisk implements RecordPersistence {
  readonly records = new Map<string, bigint>();
  readonly floors = new Map<string, bigint>();
  isFull = false;
  readonly #waiting: (() => void)[] = [];

  write(changes: readonly StoreChange[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        if (this.isFull) {
          reject(new OverlayError("ERR_OVERLAY_STORAGE", "full"));
          return;
        }
        for (const change of changes) this.#apply(change);
        resolve();
      });
    });
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Does the oldest write, and lets those who waited for it go on. */
  async turn(): Promise<void> {
    this.#waiting.shift()?.();
    await new Promise(setImmediate);
  }

  async turnAll(): Promise<void> {
    do await this.turn();
    while (this.waiting > 0); // a put that waited for another one comes only now
  }

  #apply(change: StoreChange): void {
    if (change.type === "put-record")
      this.records.set(change.held.slotId, change.held.record.version);
    if (change.type === "delete-record") this.records.delete(change.slotId);
    if (change.type === "put-floor") this.floors.set(change.floor.slotId, change.floor.version);
    if (change.type === "delete-floor") this.floors.delete(change.slotId);
  }
}

function create(): { disk: SlowDisk; records: DurableRecords; failures: unknown[] } {
  const disk = new SlowDisk();
  const failures: unknown[] = [];
  const records = new DurableRecords(new RecordStore(), disk, (error) => failures.push(error));
  return { disk, records, failures };
}

describe("a put", () => {
  it("is neither seen nor acknowledged before the disk has it", async () => {
    const { disk, records } = create();
    let isDone = false;
    const put = records.accept(offer({}), 0).finally(() => (isDone = true));
    await new Promise(setImmediate);
    expect(isDone).toBe(false);
    expect(records.store.get(KEY, 0)).toEqual([]);
    await disk.turn();
    expect((await put).type).toBe("stored");
    expect(records.store.get(KEY, 0)).toHaveLength(1);
  });

  it("changes nothing when the disk is full, and works again when it is not", async () => {
    const { disk, records } = create();
    const first = records.accept(offer({ version: 1n }), 0);
    await disk.turn();
    await first;
    disk.isFull = true;
    const second = records.accept(offer({ version: 2n }), 0);
    const refused = expect(second).rejects.toMatchObject({ code: "ERR_OVERLAY_STORAGE" });
    await disk.turn();
    await refused;
    expect(records.store.get(KEY, 0).map(({ record }) => record.version)).toEqual([1n]);
    disk.isFull = false;
    const third = records.accept(offer({ version: 2n }), 0);
    await disk.turn();
    expect((await third).type).toBe("stored");
  });

  it("waits for an earlier one of its slot, and for no other", async () => {
    const { disk, records } = create();
    const newer = records.accept(offer({ version: 2n }), 0);
    const older = records.accept(offer({ version: 1n }), 0);
    const other = records.accept(offer({ slot: "other" }), 0);
    await new Promise(setImmediate);
    expect(disk.waiting).toBe(2);
    await disk.turnAll();
    expect([(await newer).type, (await other).type]).toEqual(["stored", "stored"]);
    expect(await older).toEqual({ type: "stale", floor: 2n });
    expect(new Set(disk.records.values())).toEqual(new Set([1n, 2n]));
  });

  it("gives way to an older one when it failed itself", async () => {
    const { disk, records } = create();
    disk.isFull = true;
    const newer = records.accept(offer({ version: 2n }), 0).catch(() => "failed");
    const older = records.accept(offer({ version: 1n }), 0);
    await disk.turn();
    disk.isFull = false;
    await disk.turnAll();
    expect(await newer).toBe("failed");
    expect((await older).type).toBe("stored");
  });

  it("counts its lifetime from receipt, however slow the disk", async () => {
    const { disk, records } = create();
    void records.accept(offer({}, 5000), 1000);
    await disk.turn();
    expect(records.store.wakeAtMs).toBe(6000);
  });
});

describe("cleaning", () => {
  it("goes on in memory when the disk is full, and says so", async () => {
    const { disk, records, failures } = create();
    void records.accept(offer({}, 1000), 0);
    await disk.turn();
    disk.isFull = true;
    expect(records.expire(1000)).toHaveLength(1);
    await disk.turn();
    expect(failures).toHaveLength(1);
    expect(records.store.get(KEY, 1000)).toEqual([]);
  });
});

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(fc.constant("put"), fc.nat(3), fc.nat(5), fc.constantFrom(1000, 3000)),
  },
  { weight: 3, arbitrary: fc.tuple(fc.constant("disk"), fc.nat(3), fc.nat(0), fc.constant(0)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("pass"), fc.nat(2000), fc.nat(0), fc.constant(0)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("full"), fc.nat(1), fc.nat(0), fc.constant(0)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("forget"), fc.nat(3), fc.nat(0), fc.constant(0)) },
);

/** Puts, and looks at the disk at the very moment of the acknowledgement. */
async function checkPut(
  records: DurableRecords,
  disk: SlowDisk,
  given: RecordOffer,
  nowMs: number,
): Promise<void> {
  const slotId = slotIdOf(given.record);
  try {
    const result = await records.accept(given, nowMs);
    if (result.type !== "stored") return;
  } catch (error) {
    expect(error).toBeInstanceOf(OverlayError);
    return;
  }
  const onDisk = disk.records.get(slotId) ?? disk.floors.get(slotId) ?? 0n;
  expect(onDisk >= given.record.version).toBe(true);
}

describe("any sequence of puts, expiry and disk trouble", () => {
  it("acknowledges only what is on disk, and leaves nothing acknowledged behind", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
        const { disk, records } = create();
        const pending: Promise<unknown>[] = [];
        let nowMs = 0;
        for (const [what, a, b, ms] of steps) {
          const slot = slotIdOf(makeRecord({ slot: `${a}` }));
          if (what === "put") {
            const given = offer({ slot: `${a}`, version: BigInt(b + 1) }, ms);
            pending.push(checkPut(records, disk, given, nowMs));
          }
          if (what === "disk") for (let i = 0; i <= a; i++) await disk.turn();
          if (what === "pass") records.expire((nowMs += a));
          if (what === "full") disk.isFull = a === 1;
          if (what === "forget") records.forget([slot], nowMs);
        }
        disk.isFull = false;
        await disk.turnAll();
        await Promise.all(pending);
        // All that memory keeps is on disk in that version; the disk may hold more than memory
        // (what it could not take off when full), but of no slot an older version than memory.
        for (const { slotId, record } of records.store.all())
          expect(disk.records.get(slotId)).toBe(record.version);
        for (const slotId of disk.floors.keys())
          expect(records.store.getSlot(slotId)).toBeUndefined();
        for (const [slotId, version] of disk.records)
          expect(records.store.floorOf(slotId)).toBe(version);
      }),
      { numRuns: 100 },
    );
  });
});

describe("a publisher that was removed", () => {
  it("has its records dropped, off the disk too, and none taken again", async () => {
    const { disk, records } = create();
    const puts = ["anna", "bert"].map((publisher) => records.accept(offer({ publisher }), 0));
    await disk.turnAll();
    await Promise.all(puts);
    expect(disk.records.size).toBe(2);
    const [anna, bert] = ["anna", "bert"].map((publisher) => makeRecord({ publisher }).publisher);
    records.refuses = (publisher) => Buffer.compare(publisher, anna!) === 0;
    records.dropRefused(1);
    await disk.turnAll();
    expect(records.store.get(KEY, 2).map(({ record }) => record.publisher)).toEqual([bert]);
    expect(disk.records.size).toBe(1);
    const again = await records.accept(offer({ publisher: "anna", version: 9n }), 3);
    expect(again.type).toBe("refused");
  });
});
