import { describe, expect, it } from "vitest";
import { Consolidation } from "../../../overlay/custody/consolidation.ts";
import type { PeerChannel } from "../../../overlay/io/peer-channel.ts";
import type { RecordItem } from "../../../overlay/schema/messages.ts";
import { SILENT } from "../../../platform/logger.ts";
import { SetClock, keyOf } from "../records/fixture.ts";

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- counted, not looked into
const PEER = {} as PeerChannel;
const KEY = keyOf("printer");

function item(...bytes: number[]): RecordItem {
  return { record: Uint8Array.of(...bytes), remainingMs: 1_000 };
}

/** A host with records of its own, and one sibling with others. */
function start(own: RecordItem[], theirs: RecordItem[]) {
  const clock = new SetClock();
  const state = { looks: 0, isBroken: false };
  const consolidation = new Consolidation({
    clock,
    log: SILENT,
    self: "anna",
    siblings: { channels: () => [PEER] },
    async askLink() {
      state.looks++;
      if (state.isBroken) throw new Error("no link");
      return ["anna", "bert"];
    },
    async itemsAt() {
      await new Promise(setImmediate);
      return [...theirs];
    },
    ownItems: () => own,
    store: async (one) => own.push(one),
    send: async (_, items) => theirs.push(...items),
  });
  return { clock, state, consolidation };
}

describe("Consolidation", () => {
  it("gives each side what only the other has", async () => {
    const [own, theirs] = [
      [item(1), item(2)],
      [item(2), item(3)],
    ];
    const { consolidation } = start(own, theirs);
    await consolidation.now(KEY);
    const sorted = (items: readonly RecordItem[]): number[] =>
      [...new Set(items.map(({ record }) => record[0]!))].toSorted((a, b) => a - b);
    expect([sorted(own), sorted(theirs)]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });

  it("is waited for once, and again when hosts have joined", async () => {
    const { clock, state, consolidation } = start([item(1)], [item(1)]);
    await consolidation.beforeAnswer(KEY);
    await consolidation.beforeAnswer(KEY);
    expect(state.looks).toBe(1);
    clock.nowMs += 10;
    consolidation.onHostsJoined();
    clock.nowMs += 10;
    await consolidation.beforeAnswer(KEY);
    await consolidation.beforeAnswer(KEY);
    expect(state.looks).toBe(2);
  });

  it("looks again in the background after a while", async () => {
    const own = [item(1)];
    const theirs = [item(1)];
    const { clock, consolidation } = start(own, theirs);
    await consolidation.beforeAnswer(KEY);
    await consolidation.beforeAnswer(KEY);
    theirs.push(item(9));
    clock.nowMs += 20_001;
    await consolidation.beforeAnswer(KEY);
    expect(own).not.toContainEqual(item(9)); // this answer did not wait
    await consolidation.now(KEY);
    expect(own.at(-1)).toEqual(item(9));
  });

  it("asks once for a key that many ask for at once, and goes on after a failure", async () => {
    const { state, consolidation } = start([item(1)], [item(1)]);
    state.isBroken = true;
    await Promise.all([consolidation.beforeAnswer(KEY), consolidation.beforeAnswer(KEY)]);
    expect(state.looks).toBe(1);
    state.isBroken = false;
    await consolidation.beforeAnswer(KEY);
    await consolidation.beforeAnswer(KEY);
    expect(state.looks).toBe(2);
  });
});
