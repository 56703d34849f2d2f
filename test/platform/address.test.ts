import { BlockList, isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatAddress,
  isOnLink,
  isSamePrefix,
  parseAddress,
  prefixText,
  withZone,
} from "../../platform/address.ts";

const LINK = {
  name: "eth0",
  addresses: [
    { address: "192.168.1.7", prefixBits: 24 },
    { address: "2001:db8:1::7", prefixBits: 64 },
    { address: "fe80::7", prefixBits: 64 },
  ],
};

describe("addresses", () => {
  it.each([
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["::ffff:10.0.0.1", "::ffff:a00:1"],
    ["fe80::1%eth0", "fe80::1"],
    ["10.0.0.255", "10.0.0.255"],
  ])("%s is %s (RFC 5952)", (text, canonical) => {
    expect(formatAddress(parseAddress(text)!)).toBe(canonical);
  });

  it("come back from their bytes", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      // Many zero groups.
      fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 }),
    );
    fc.assert(
      fc.property(bytes, (given) => {
        const text = formatAddress(Uint8Array.from(given));
        expect(isIP(text)).toBe(given.length === 4 ? 4 : 6);
        expect([...parseAddress(text)!]).toEqual([...given]);
      }),
    );
  });

  it("are addresses to us exactly when they are to Node", () => {
    const piece = fc.constantFrom(
      ":",
      "::",
      "1",
      "ffff",
      "00001",
      ".",
      "256",
      "10.0.0.1",
      "g",
      "0",
    );
    const text = fc.array(piece, { maxLength: 10 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.oneof(text, fc.ipV4(), fc.ipV6()), (given) => {
        expect(parseAddress(given) !== undefined).toBe(isIP(given) !== 0);
      }),
      { numRuns: 2000 },
    );
  });

  it("share a prefix exactly when Node's BlockList says so", () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), fc.nat(32), (a, b, bits) => {
        const list = new BlockList();
        list.addSubnet(a, bits, "ipv4");
        const ours = isSamePrefix(parseAddress(a)!, parseAddress(b)!, bits);
        expect(ours).toBe(list.check(b, "ipv4"));
      }),
    );
  });

  it("are on the link in one of its prefixes, or link-local with its zone", () => {
    const on = ["192.168.1.200", "2001:db8:1::99", "fe80::1%eth0", "fe80::1"];
    const off = ["192.168.2.1", "2001:db8:2::1", "fe80::1%eth1", "8.8.8.8", "::ffff:c0a8:1c8", "x"];
    expect(on.filter((address) => !isOnLink(address, LINK))).toEqual([]);
    expect(off.filter((address) => isOnLink(address, LINK))).toEqual([]);
  });

  it("have prefixes, and zones where sockets need them", () => {
    expect(LINK.addresses.map(prefixText)).toEqual([
      "192.168.1.0/24",
      "2001:db8:1::/64",
      "fe80::/64",
    ]);
    expect(["192.168.1.9", "fe80::9", "fe80::9%eth0"].map((a) => withZone(a, LINK))).toEqual([
      "192.168.1.9",
      "fe80::9%eth0",
      "fe80::9%eth0",
    ]);
  });
});
