import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ExpiryQueue } from "../../../overlay/records/expiry-queue.ts";

const step = fc.oneof(
  fc.record({ type: fc.constant("set" as const), id: fc.nat(9), ms: fc.nat(1000) }),
  fc.record({ type: fc.constant("delete" as const), id: fc.nat(9), ms: fc.nat(0) }),
  fc.record({ type: fc.constant("take" as const), id: fc.nat(0), ms: fc.nat(300) }),
);

describe("expiry queue", () => {
  it("is a sorted list, only faster", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400, size: "max" }), (steps) => {
        const queue = new ExpiryQueue();
        const naive = new Map<string, number>();
        let nowMs = 0;
        for (const { type, id, ms } of steps) {
          if (type === "set") {
            queue.set(`${id}`, nowMs + ms);
            naive.set(`${id}`, nowMs + ms);
          }
          if (type === "delete") {
            queue.delete(`${id}`);
            naive.delete(`${id}`);
          }
          if (type === "take") {
            nowMs += ms;
            const due = queue.takeDue(nowMs);
            expect(new Set(due)).toEqual(
              new Set([...naive].filter(([, dueMs]) => dueMs <= nowMs).map(([key]) => key)),
            );
            const times = due.map((key) => naive.get(key)!);
            expect(times).toEqual(times.toSorted((a, b) => a - b));
            for (const key of due) naive.delete(key);
          }
          expect(queue.size).toBe(naive.size);
          expect(queue.nextMs).toBe(Math.min(...naive.values()));
        }
      }),
    );
  });

  it("does not grow with refreshes", () => {
    const queue = new ExpiryQueue();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 1_000_000; i++) queue.set(`${i % 10}`, 86_400_000 + i);
    expect(queue.size).toBe(10);
    expect(queue.takeDue(Infinity)).toHaveLength(10);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(40e6); // 1e6 entries take 60 MB
  });
});
