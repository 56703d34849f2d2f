import { describe, expect, it } from "vitest";
import {
  formatAddress,
  ipOfMultiaddrText,
  parseAddress,
  parseDialable,
  toMultiaddrText,
} from "../../overlay/address.ts";
import { WireError } from "../../platform/errors.ts";

describe("an address to dial", () => {
  it("has a zone when it is link-local, and libp2p's text has it in front", () => {
    const address = parseDialable(formatAddress("fe80::1%eth0", 4778));
    expect(address).toEqual({ family: 6, host: "fe80::1", port: 4778, zone: "eth0" });
    expect(toMultiaddrText(address)).toBe("/ip6zone/eth0/ip6/fe80::1/tcp/4778");
    expect(ipOfMultiaddrText(toMultiaddrText(address))).toBe("fe80::1%eth0");
  });

  it("needs none otherwise", () => {
    for (const text of ["10.0.0.1:5", "[fd00::1]:5"]) {
      expect(parseDialable(text)).toEqual(parseAddress(text));
      expect(parseDialable(text)).not.toHaveProperty("zone");
    }
    expect(ipOfMultiaddrText("/ip4/10.0.0.1/tcp/5/p2p/x")).toBe("10.0.0.1");
    expect(ipOfMultiaddrText("/unix/x")).toBe("");
  });

  it("from another host has no zone: that is a host's own matter", () => {
    expect(() => parseAddress("[fe80::1%eth0]:5")).toThrow(WireError);
  });

  it("is refused when its zone is no interface name", () => {
    for (const zone of ["", "a b", "eth0/../x", "x".repeat(16)])
      expect(() => parseDialable(`[fe80::1%${zone}]:5`)).toThrow(WireError);
  });
});
