import { describe, expect, it } from "vitest";
import { CopyDebts } from "../../../overlay/custody/copy-debts.ts";

describe("CopyDebts", () => {
  it("are due at once, then after 2 s, 4 s and so on to a minute", () => {
    const debts = new CopyDebts();
    debts.add("pier", "a");
    let nowMs = 0;
    const waits = Array.from({ length: 7 }, () => {
      expect(debts.due(nowMs)).toEqual([["pier", ["a"]]]);
      debts.postpone("pier", nowMs);
      expect(debts.due(debts.nextAtMs - 1)).toEqual([]);
      const waitMs = debts.nextAtMs - nowMs;
      nowMs = debts.nextAtMs;
      return waitMs;
    });
    expect(waits).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  });

  it("let what is new wait for nobody, and no taker for another", () => {
    const debts = new CopyDebts();
    for (const taker of ["pier", "moor"]) {
      debts.add(taker, "a");
      debts.postpone(taker, 0);
    }
    debts.add("pier", "a");
    expect(debts.due(0)).toEqual([]);
    debts.add("pier", "b");
    expect(debts.due(0)).toEqual([["pier", ["a", "b"]]]);
  });

  it("wait for their time where the taker has just failed, however many come", () => {
    const debts = new CopyDebts();
    debts.addFailed("pier", "a", 1_000);
    debts.addFailed("pier", "b", 2_500);
    expect([debts.due(2_999), debts.nextAtMs]).toEqual([[], 3_000]);
    expect(debts.due(3_000)).toEqual([["pier", ["a", "b"]]]);
  });

  it("are forgotten with their pauses once settled", () => {
    const debts = new CopyDebts();
    debts.add("pier", "a");
    debts.postpone("pier", 0);
    debts.settle("pier", ["a"]);
    debts.postpone("pier", 0);
    expect(debts.nextAtMs).toBe(Infinity);
    debts.add("pier", "a");
    expect(debts.due(0)).toEqual([["pier", ["a"]]]);
  });
});
