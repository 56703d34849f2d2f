import { expect, it } from "vitest";
import { VERSIONS_MAX, VersionBook } from "../../../bridge/exporter/version-book.ts";

it("gives a service no version twice, though it forgets the ones changed longest ago", () => {
  const book = new VersionBook(100n);
  book.note("music", 500n);
  expect(book.next("music")).toBe(501n);
  expect(book.next("web")).toBe(101n);
  for (let i = 0; i < 2 * VERSIONS_MAX; i++) book.next(`service ${i}`);
  expect(book.size).toBe(VERSIONS_MAX);
  expect(book.next("music")).toBeGreaterThan(501n);
});

it("is not set back by an older version of another host", () => {
  const book = new VersionBook(100n);
  book.note("music", 500n);
  book.note("music", 7n);
  expect(book.next("music")).toBe(501n);
});
