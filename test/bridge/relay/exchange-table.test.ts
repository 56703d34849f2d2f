import { expect, it } from "vitest";
import { ExchangeTable } from "../../../bridge/relay/exchange-table.ts";

const RULES = { idleMs: 100, exchangesMax: 2, busyMs: 10 };

it("ends what was idle for the whole time, and only that", () => {
  const table = new ExchangeTable<string>(RULES);
  expect(table.wakeAtMs).toBe(Infinity);
  table.add("a", "A", 0);
  table.add("b", "B", 10);
  expect(table.use("a", 50)).toBe("A");
  expect(table.wakeAtMs).toBe(110);
  expect(table.takeIdle(109)).toEqual([]);
  expect(table.takeIdle(110)).toEqual(["B"]);
  expect(table.wakeAtMs).toBe(150);
  expect(table.use("b", 111)).toBeUndefined();
});

it("makes room by the one idle longest, unless all are busy", () => {
  const table = new ExchangeTable<string>(RULES);
  table.add("a", "A", 0);
  table.add("b", "B", 5);
  expect(table.makeRoom(9)).toBe("full");
  table.use("a", 9);
  expect(table.makeRoom(14)).toBe("full");
  expect(table.makeRoom(15)).toBe("B");
  expect(table.makeRoom(15)).toBeUndefined();
  expect(table.size).toBe(1);
});

it("forgets an exchange, and not the one that took its place", () => {
  const table = new ExchangeTable<string>(RULES);
  table.add("a", "A", 0);
  table.remove("a", "other");
  expect(table.use("a", 1)).toBe("A");
  table.remove("a", "A");
  expect(table.takeAll()).toEqual([]);
});
