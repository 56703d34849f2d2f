import { describe, expect, it } from "vitest";
import { EventQueue } from "../../platform/event-queue.ts";

describe("EventQueue", () => {
  it("loses nothing between two turns of its reader, and ends with the signal", async () => {
    const queue = new EventQueue<number>();
    const stop = new AbortController();
    queue.push(1);
    queue.push(2);
    const heard: number[] = [];
    const reading = (async () => {
      for await (const item of queue.read(stop.signal)) {
        heard.push(item);
        if (item === 2) setImmediate(() => [3, 4].forEach((one) => queue.push(one)));
        if (item === 4) setImmediate(() => stop.abort());
      }
    })();
    await reading;
    expect(heard).toEqual([1, 2, 3, 4]);
  });

  it("keeps for the next reader what one left", async () => {
    const queue = new EventQueue<number>();
    for (const item of [1, 2, 3]) queue.push(item);
    const heard: number[] = [];
    for (const last of [1, 3]) {
      const stop = new AbortController();
      for await (const item of queue.read(stop.signal)) {
        heard.push(item);
        if (item === last) stop.abort();
      }
    }
    expect(heard).toEqual([1, 2, 3]);
  });

  it("yields nothing to a reader whose signal was aborted before", async () => {
    const queue = new EventQueue<number>();
    queue.push(1);
    for await (const item of queue.read(AbortSignal.abort())) expect(item).toBeUndefined();
  });
});
