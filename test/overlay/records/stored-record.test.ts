import { describe, expect, it } from "vitest";
import { messageCodec, toWireLong } from "../../../overlay/records/record-schema.ts";
import { decodeStoredFloor, decodeStoredRecord } from "../../../overlay/records/stored-record.ts";
import { encodeRecord } from "../../../overlay/records/record.ts";
import { StoreClock } from "../../../overlay/records/store-clock.ts";
import { WireError } from "../../../platform/errors.ts";
import { makeRecord } from "./fixture.ts";

const CLOCK = new StoreClock(undefined, 0, 1_700_000_000_000);
const FLOOR = { version: toWireLong(1n), isRemoved: false, fromSubnet: "" };

describe("times at rest", () => {
  it.each([2n ** 53n, 2n ** 64n - 1n])("of %d ms are refused: written again, they differ", (ms) => {
    const [far, near] = [toWireLong(ms), toWireLong(5n)];
    const floors = messageCodec("StoredFloor");
    for (const times of [
      { expiresAtMs: far, keepUntilMs: near },
      { expiresAtMs: near, keepUntilMs: far },
    ])
      expect(() => decodeStoredFloor("slot", floors.encode({ ...FLOOR, ...times }), CLOCK)).toThrow(
        WireError,
      );
    const envelope = encodeRecord(makeRecord());
    const record = { envelope, expiresAtMs: far, isOwned: true, fromSubnet: "" };
    expect(() => decodeStoredRecord(messageCodec("StoredRecord").encode(record))).toThrow(
      WireError,
    );
  });
});
