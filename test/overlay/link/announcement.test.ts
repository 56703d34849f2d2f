import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Announcement,
  decodeAnnouncement,
  encodeAnnouncement,
  hostTagOf,
} from "../../../overlay/link/announcement.ts";
import { WireError } from "../../../platform/errors.ts";
import { utf8 } from "../../../platform/bytes.ts";
import { announcementOf, tagOf } from "./fake-link.ts";

const ANNOUNCEMENT: Announcement = { ...announcementOf(3), addresses: ["10.0.0.4", "fe80::4"] };

function read(announcement: Announcement, strings?: readonly string[]): Announcement {
  const { srv, txt, addresses } = encodeAnnouncement(announcement);
  if (srv.type !== "srv" || txt.type !== "txt") throw new Error("no SRV or TXT record");
  return decodeAnnouncement(
    announcement.hostTag,
    srv,
    strings?.map((text) => utf8(text)) ?? txt.strings,
    addresses.map((r) => (r.type === "a" || r.type === "aaaa" ? r.address : "")),
  );
}

const MINIMUM = ["wire=1-1", "hp=5003"];

describe("an announcement", () => {
  it("comes back from its records", () => {
    expect(read(ANNOUNCEMENT)).toEqual(ANNOUNCEMENT);
    const alone = { overlayTag: null, subnetTag: null, stampMs: 0, generation: 0 };
    expect(read({ ...ANNOUNCEMENT, ...alone })).toEqual({ ...ANNOUNCEMENT, ...alone });
  });

  it("flushes what is its own alone, and lives as RFC 6762 §10 has it", () => {
    const { ptr, srv, txt, addresses } = encodeAnnouncement(ANNOUNCEMENT);
    expect([ptr, srv, txt, ...addresses].map(({ ttlS, isFlush }) => [ttlS, isFlush])).toEqual([
      [4500, false],
      [120, true],
      [4500, true],
      [120, true],
      [120, true],
    ]);
  });

  it("ignores keys it does not know, the case of keys, and a second value", () => {
    const strings = ["WIRE=1-3", "wire=2-2", "hp=9", "future=x", "flag", "=odd", "overlay=o1"];
    expect(read(ANNOUNCEMENT, strings)).toMatchObject({
      wireMin: 1,
      wireMax: 3,
      hostPort: 9,
      overlayTag: "o1",
      subnetTag: null,
    });
  });

  it.each([
    ["no versions", ["hp=1"]],
    ["versions the wrong way round", ["wire=3-1", "hp=1"]],
    ["no host port", ["wire=1-1"]],
    ["a port of 0", ["wire=1-1", "hp=0"]],
    ["a port of 65536", ["wire=1-1", "hp=65536"]],
    ["a subnet without a stamp", [...MINIMUM, "subnet=s", "gen=1"]],
    [
      "a stamp that is no safe integer",
      [...MINIMUM, "subnet=s", "gen=1", "stamp=9007199254740993"],
    ],
    ["a negative generation", [...MINIMUM, "subnet=s", "stamp=1", "gen=-1"]],
    ["a tag of other letters", [...MINIMUM, "overlay=ä"]],
    ["a tag that is too long", [...MINIMUM, `overlay=${"a".repeat(65)}`]],
  ])("is refused with %s", (_, strings) => {
    expect(() => read(ANNOUNCEMENT, strings)).toThrow(WireError);
  });

  it("is refused with nothing but WireError, whatever its strings", () => {
    const pieces = fc.constantFrom("wire=", "hp=", "subnet=", "stamp=", "gen=", "overlay=", "1-1");
    const text = fc.tuple(pieces, fc.string({ maxLength: 20 })).map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.array(text, { maxLength: 8 }), (strings) => {
        try {
          read(ANNOUNCEMENT, strings);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
    );
  });

  it("names its host by the first label of our type only", () => {
    expect(hostTagOf([tagOf(1).toUpperCase(), "_Causeway", "_TCP", "Local"])).toBe(tagOf(1));
    expect(hostTagOf([tagOf(1), "_other", "_tcp", "local"])).toBeUndefined();
    expect(hostTagOf(["short", "_causeway", "_tcp", "local"])).toBeUndefined();
    expect(hostTagOf(["x", tagOf(1), "_causeway", "_tcp", "local"])).toBeUndefined();
  });
});
