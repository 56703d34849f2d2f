import { expect, it } from "vitest";
import { AvoidedHosts } from "../../../overlay/subnet/avoided-hosts.ts";

it("keeps a host until its time is over, and none beyond that", () => {
  const avoided = new AvoidedHosts();
  for (let i = 0; i < 10_000; i++) {
    avoided.expire(i);
    avoided.add(`host ${i}`, i + 30);
  }
  expect(avoided.size).toBeLessThanOrEqual(30);
  expect([avoided.has("host 9999"), avoided.has("host 9000")]).toEqual([true, false]);
  avoided.expire(10_028);
  expect(avoided.has("host 9999")).toBe(true);
  avoided.expire(10_029);
  expect(avoided.size).toBe(0);
});
