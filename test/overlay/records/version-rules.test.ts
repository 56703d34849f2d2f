import { describe, expect, it } from "vitest";
import {
  checkVersionTaken,
  FLOOR_FOLLOWED_MAX,
  versionAfter,
  VERSION_TAKEN_MAX,
} from "../../../overlay/records/version-rules.ts";
import { makeRecord } from "./fixture.ts";

describe("a record's version", () => {
  it("is refused when it is 2^63, and taken as far as puts may count", () => {
    expect(() => checkVersionTaken(makeRecord({ version: 2n ** 63n }))).toThrow(/too far ahead/);
    expect(() => checkVersionTaken(makeRecord({ version: VERSION_TAKEN_MAX + 1n }))).toThrow();
    checkVersionTaken(makeRecord({ version: VERSION_TAKEN_MAX }));
  });

  it("follows a holder that remembers more", () => {
    expect(versionAfter(41n)).toBe(42n);
  });

  it("cannot be driven to its end by holders that lie", () => {
    let version = 1n;
    const lies = [2n ** 64n - 1n, 2n ** 63n, VERSION_TAKEN_MAX, FLOOR_FOLLOWED_MAX, 2n ** 64n - 1n];
    for (let i = 0; i < 1_000; i++) version = versionAfter(lies[i % lies.length]!) ?? version + 1n;
    checkVersionTaken(makeRecord({ version: version + 2n ** 32n }));
  });
});
