import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventHeap } from "../../../sim/engine/event-heap.ts";
import type { EventQueue } from "../../../sim/engine/event-queue.ts";
import { COLUMN, EventSlab, NONE, ROW } from "../../../sim/engine/event-slab.ts";
import { TimingWheel } from "../../../sim/engine/timing-wheel.ts";

/** Delays that fall into the open slot, a later one, the far future, and on one another. */
const DELAYS = [0, 1, 700, 131_072, 54_000_000, 54_000_000, 2_147_000_000, 90_000_000_000];

function push(
  slab: EventSlab,
  queue: EventQueue,
  timeNs: number,
  to: number,
  sequence: number,
): void {
  const event = slab.take();
  slab.times[event] = timeNs;
  const row = [NONE, to, to, sequence, 0, 0, 0, 0, 0, 0, NONE, 0];
  for (let column = 0; column < ROW; column++) slab.words[event * ROW + column] = row[column]!;
  queue.push(event);
}

/** Takes an event out and says which it was; `undefined` when none is due. */
function pop(slab: EventSlab, queue: EventQueue, beforeNs: number): string | undefined {
  const event = queue.pop(beforeNs);
  if (event === NONE) return undefined;
  const { words, times } = slab;
  const at = event * ROW;
  const text = `${times[event]} ${words[at + COLUMN.to]} ${words[at + COLUMN.sequence]}`;
  slab.release(event);
  return text;
}

describe("the timing wheel", () => {
  it("gives events in the order of the heap, whatever is pushed between", () => {
    const steps = fc.array(
      fc.record({ delay: fc.nat(DELAYS.length - 1), extra: fc.nat(3), pops: fc.nat(3) }),
      { maxLength: 400 },
    );
    fc.assert(
      fc.property(steps, fc.nat(4), (given, places) => {
        const slabs = [new EventSlab(4), new EventSlab(4)] as const;
        const queues = [new TimingWheel(slabs[0]), new EventHeap(slabs[1])] as const;
        let nowNs = 0;
        let sequence = 0;
        for (const { delay, extra, pops } of given) {
          const timeNs = nowNs + DELAYS[delay]! + extra;
          sequence++;
          for (const i of [0, 1] as const)
            push(slabs[i], queues[i], timeNs, sequence % (places + 1), sequence);
          for (let i = 0; i < pops; i++) {
            const got = pop(slabs[0], queues[0], Infinity);
            expect(got).toBe(pop(slabs[1], queues[1], Infinity));
            if (got !== undefined) nowNs = Number(got.split(" ")[0]);
          }
        }
        for (;;) {
          const got = pop(slabs[0], queues[0], Infinity);
          expect(got).toBe(pop(slabs[1], queues[1], Infinity));
          if (got === undefined) break;
        }
        expect(queues[0].size).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it("gives what is due at the same time by receiver and count, in slots of hundreds of events too", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(20), fc.nat(3)), { minLength: 100, maxLength: 600 }),
        (events) => {
          const slabs = [new EventSlab(4), new EventSlab(4)] as const;
          const queues = [new TimingWheel(slabs[0]), new EventHeap(slabs[1])] as const;
          // Pushed in another order than that of their counts.
          for (const [i, [timeNs, to]] of [...events.entries()].toReversed())
            for (const q of [0, 1] as const) push(slabs[q], queues[q], 500_000 + timeNs, to, i);
          for (let i = 0; i < events.length; i++)
            expect(pop(slabs[0], queues[0], Infinity)).toBe(pop(slabs[1], queues[1], Infinity));
        },
      ),
      { numRuns: 50 },
    );
  });

  it("keeps its order when its slots get other widths", () => {
    const slab = new EventSlab();
    const wheel = new TimingWheel(slab);
    const COUNT = 400_000;
    let state = 1;
    const next = (): number => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0);
    for (let i = 0; i < 20_000; i++) push(slab, wheel, next() % 50_000_000, i, i);
    let lastNs = 0;
    for (let i = 0; i < COUNT; i++) {
      const nowNs = Number(pop(slab, wheel, Infinity)!.split(" ")[0]);
      expect(nowNs >= lastNs).toBe(true);
      lastNs = nowNs;
      push(slab, wheel, nowNs + 50_000_000 + (next() % 10_000_000), i, i);
    }
    expect(wheel.size).toBe(20_000);
  });

  it("gives nothing that is due at the limit or after it, and takes earlier events afterwards", () => {
    const slab = new EventSlab();
    const wheel = new TimingWheel(slab);
    push(slab, wheel, 5_000_000_000_000, 1, 1);
    expect(wheel.pop(5_000_000_000_000)).toBe(NONE);
    push(slab, wheel, 1_000, 2, 2);
    push(slab, wheel, 4_999_999_999_999, 3, 3);
    expect(pop(slab, wheel, 1_000)).toBeUndefined();
    expect(pop(slab, wheel, Infinity)).toBe("1000 2 2");
    expect(pop(slab, wheel, Infinity)).toBe("4999999999999 3 3");
    expect(pop(slab, wheel, Infinity)).toBe("5000000000000 1 1");
  });
});
