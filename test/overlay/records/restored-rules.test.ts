import { describe, expect, it } from "vitest";
import { newestFloors, toFloor, toVersionFloor } from "../../../overlay/records/floor-answer.ts";
import { RecordStore } from "../../../overlay/records/record-store.ts";
import { slotIdOf } from "../../../overlay/records/record.ts";
import { judgeRestored, RESTORED_LEAP_MAX } from "../../../overlay/records/restored-rules.ts";
import type { Floor } from "../../../overlay/schema/messages.ts";
import { HOUR_MS, makeRecord } from "./fixture.ts";

const floor = (version: bigint, given: Partial<Floor> = {}): Floor => ({
  version,
  remainingMs: 0,
  isRemoved: false,
  ...given,
});
const RECORD = { version: 7n, leftMs: HOUR_MS };

describe("a record of a backup", () => {
  it("is published again when nobody knows of a newer version", () => {
    expect(judgeRestored(RECORD, 0n, [])).toBe("publish");
    expect(judgeRestored(RECORD, 7n, [floor(0n), floor(6n), floor(7n)])).toBe("publish");
  });

  it("gives way to a newer version, removed, replaced, or gone since", () => {
    expect(judgeRestored(RECORD, 0n, [floor(0n), floor(8n)])).toBe("superseded");
    expect(judgeRestored(RECORD, 0n, [floor(9n, { isRemoved: true })])).toBe("superseded");
  });

  it("is dropped when its time is over, or when this host has put a newer one", () => {
    expect(judgeRestored({ ...RECORD, leftMs: 0 }, 0n, [])).toBe("drop");
    expect(judgeRestored(RECORD, 8n, [floor(8n)])).toBe("drop");
  });

  it("does not believe a version that no publisher could have reached", () => {
    expect(judgeRestored(RECORD, 0n, [floor(2n ** 63n)])).toBe("publish");
    expect(judgeRestored(RECORD, 0n, [floor(7n + RESTORED_LEAP_MAX + 1n)])).toBe("publish");
    expect(judgeRestored(RECORD, 0n, [floor(7n + RESTORED_LEAP_MAX)])).toBe("superseded");
  });
});

describe("what a host answers about a slot", () => {
  it("is the version kept, the version gone, or none", () => {
    const store = new RecordStore();
    const record = makeRecord({ version: 4n });
    const slotId = slotIdOf(record);
    expect(toFloor(store, slotId, 0)).toEqual(floor(0n));
    store.accept({ record, remainingMs: 5000, from: null, isOwned: false }, 0);
    expect(toFloor(store, slotId, 1000)).toEqual(floor(4n, { remainingMs: 4000 }));
    store.forget(slotId, 2000);
    expect(toFloor(store, slotId, 3000)).toEqual(floor(4n, { remainingMs: 2000 }));
    expect(toFloor(store, slotId, 9000)).toEqual(floor(4n));
  });

  it("is the newest of several, a tombstone before its own version", () => {
    const answers = [[floor(1n), floor(5n)], [floor(3n), floor(5n, { isRemoved: true })], []];
    expect(newestFloors(answers)).toEqual([floor(3n), floor(5n, { isRemoved: true })]);
  });

  it("takes the place of an older record, and lets that very version come for its time left", () => {
    const store = new RecordStore();
    const old = makeRecord({ version: 1n });
    const slotId = slotIdOf(old);
    const offer = { remainingMs: HOUR_MS, from: null, isOwned: false };
    store.accept({ ...offer, record: old }, 0);
    const told = toVersionFloor(slotId, floor(3n, { remainingMs: 700 }), null, 100);
    expect(store.raiseFloor(told).map(({ type }) => type)).toEqual(["delete-record", "put-floor"]);
    expect(store.raiseFloor(told)).toEqual([]);
    expect(store.getSlot(slotId)).toBeUndefined();
    expect(store.accept({ ...offer, record: old }, 200).type).toBe("stale");
    const third = store.accept({ ...offer, record: makeRecord({ version: 3n }) }, 300);
    expect(third.type === "stored" && third.held.deadlineMs).toBe(800);
  });
});
