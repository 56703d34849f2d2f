import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  mergePages,
  pageOf,
  readPages,
  type RecordPage,
  type SlotItem,
} from "../../../overlay/custody/record-page.ts";
import { decodeRecord, encodeRecord, slotIdOf } from "../../../overlay/records/record.ts";
import { makeRecord } from "../records/fixture.ts";

/** Versions of slots, made once: signing is slow. */
const RECORDS = Array.from({ length: 24 }, (_, slot) =>
  [1n, 2n, 3n].map((version) => makeRecord({ slot: `${slot}`, version })),
);

function slotItem(slot: number, version: number): SlotItem {
  const record = RECORDS[slot]![version - 1]!;
  const bytes = encodeRecord(record);
  return {
    slotId: slotIdOf(record),
    bytes: bytes.length,
    item: () => ({ record: bytes, remainingMs: 1 }),
  };
}

const namesOf = (items: readonly { readonly record: Uint8Array }[]): string[] =>
  items.map(({ record }) => {
    const { slot, version } = decodeRecord(record);
    return `${slot}@${version}`;
  });

/** What one host holds: a version for some of the slots. */
const holder = fc.dictionary(fc.nat(23).map(String), fc.integer({ min: 1, max: 3 }), {
  noNullPrototype: true,
});
const bytesMax = fc.integer({ min: 0, max: 3000 });

const toItems = (held: Record<string, number>): SlotItem[] =>
  Object.entries(held).map(([slot, version]) => slotItem(Number(slot), version));

describe("pages", () => {
  it("give every record once, in any order held and for any size", async () => {
    await fc.assert(
      fc.asyncProperty(holder, bytesMax, async (held, size) => {
        const all = toItems(held);
        const page = async (after: string): Promise<RecordPage> => pageOf(all, after, size);
        const items = await readPages(await page(""), page);
        expect(namesOf(items).toSorted()).toEqual(
          Object.entries(held)
            .map(([slot, version]) => `${slot}@${version}`)
            .toSorted(),
        );
      }),
    );
  });

  it("of several hosts give the newest of each slot once, whatever each cuts off", async () => {
    const holders = fc.array(fc.tuple(holder, bytesMax), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(holders, bytesMax, async (hosts, size) => {
        const page = async (after: string): Promise<RecordPage> =>
          mergePages(
            hosts.map(([held, own]) => pageOf(toItems(held), after, own)),
            size,
          );
        const items = await readPages(await page(""), page);
        const newest = new Map<string, number>();
        for (const [held] of hosts)
          for (const [slot, version] of Object.entries(held))
            newest.set(slot, Math.max(version, newest.get(slot) ?? 0));
        const expected = [...newest].map(([slot, version]) => `${slot}@${version}`);
        expect(namesOf(items).toSorted()).toEqual(expected.toSorted());
      }),
    );
  });

  it("that do not go forward are refused", async () => {
    const stuck: RecordPage = { items: [], next: "m" };
    for (const next of ["m", "a"])
      await expect(readPages(stuck, async () => ({ items: [], next }))).rejects.toMatchObject({
        code: "ERR_OVERLAY_REFUSED",
      });
    let at = 0;
    const endless = async (): Promise<RecordPage> => ({
      items: [],
      next: `n${String(at++).padStart(9, "0")}`,
    });
    await expect(readPages(stuck, endless)).rejects.toMatchObject({ code: "ERR_OVERLAY_REFUSED" });
  });
});
