import { expect, it } from "vitest";
import { BucketPool } from "../../../sim/kademlia/bucket-pool.ts";

it.each([0, 1500, 10_000])("a pool for %d buckets keeps what is in them while it grows", (most) => {
  const pool = new BucketPool(2, 1, most);
  for (let one = 0; one < 5000; one++) {
    expect(pool.take()).toBe(one);
    pool.add(one, 2 * one, true);
    pool.add(one, 2 * one + 1, true);
  }
  for (let one = 0; one < 5000; one++) {
    expect([pool.countOf(one), pool.at(one, 0), pool.at(one, 1)]).toEqual([
      2,
      2 * one,
      2 * one + 1,
    ]);
  }
});
