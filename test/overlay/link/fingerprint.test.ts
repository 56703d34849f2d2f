import { describe, expect, it } from "vitest";
import {
  compareLinks,
  refineFingerprint,
  type LinkFingerprint,
} from "../../../overlay/link/fingerprint.ts";
import { hardwareOf } from "../../../overlay/io/interfaces.ts";

const print = (prefixes: string, gatewayMac: string | null = null): LinkFingerprint => ({
  prefixes: prefixes === "" ? [] : prefixes.split(" "),
  gatewayMac,
});

describe("two links", () => {
  it.each([
    ["the gateway and a prefix are the same", print("a b", "1"), print("b c", "1"), "same"],
    ["the gateway is, and one has no address yet", print("a", "1"), print("", "1"), "same"],
    ["the gateways differ, whatever else is alike", print("a", "1"), print("a", "2"), "different"],
    ["one router shows one address on both", print("a", "1"), print("b", "1"), "unknown"],
    ["a gateway is silent and the prefix is shared", print("a", "1"), print("a"), "unknown"],
    ["a gateway is silent and no prefix is shared", print("a", "1"), print("b"), "different"],
    ["one has link-local addresses alone", print("a", "1"), print(""), "unknown"],
    ["both have no gateway", print("a"), print("a"), "unknown"],
  ])("when %s", (_, a, b, verdict) => {
    expect(compareLinks(a, b)).toBe(verdict);
    expect(compareLinks(b, a)).toBe(verdict);
  });
});

describe("a link looked at twice", () => {
  it("keeps what the second look did not see", () => {
    expect(refineFingerprint(print("a", "1"), print(""))).toEqual(print("a", "1"));
    expect(refineFingerprint(print("a"), print("b", "2"))).toEqual(print("b", "2"));
  });
});

describe("a router's link-local address", () => {
  it("gives its hardware address away where it is made of it", () => {
    expect(hardwareOf("fe80::ff:fe00:103")).toBe("02:00:00:00:01:03");
    expect(hardwareOf("fe80::1")).toBeNull();
    expect(hardwareOf("fd00::ff:fe00:103")).toBeNull();
  });
});
