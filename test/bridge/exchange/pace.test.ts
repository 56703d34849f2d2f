import { expect, it } from "vitest";
import { Pace } from "../../../bridge/exchange/pace.ts";

it("lets a few happen at once and then one each time, and says how long to wait", () => {
  const pace = new Pace(2, 1000);
  expect([0, 0, 0, 400, 1000, 1000].map((atMs) => pace.take("a", atMs))).toEqual([
    0, 0, 1000, 600, 0, 1000,
  ]);
  expect(pace.take("b", 1000)).toBe(0);
});

it("forgets what may happen as often again as if it never had", () => {
  const pace = new Pace(2, 1000);
  for (let i = 0; i < 100_000; i++) pace.take(`thing ${i}`, i);
  expect(pace.size).toBeLessThan(4096);
  for (let i = 0; i < 3; i++) pace.take("busy", 100_000);
  for (let i = 0; i < 10_000; i++) pace.take(`other ${i}`, 100_000);
  expect(pace.take("busy", 100_000)).toBeGreaterThan(0);
});
