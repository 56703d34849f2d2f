import { describe, expect, it } from "vitest";
import { toHex } from "../../../platform/bytes.ts";
import { WireError } from "../../../platform/errors.ts";
import {
  decodePmpAnswer,
  encodeAddressRequest,
  encodeMapRequest,
} from "../../../overlay/mapping/nat-pmp.ts";
import { golden } from "./golden.ts";

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

describe("NAT-PMP", () => {
  it("asks as RFC 6886 has it", () => {
    expect(toHex(encodeAddressRequest())).toBe("0000");
    expect(toHex(encodeMapRequest(4777, 20_001, 3600))).toBe("0002000012a94e2100000e10");
    expect(toHex(encodeMapRequest(4777, 20_001, 0))).toBe("0002000012a9000000000000");
  });

  it("reads what miniupnpd 2.3.1 answers", () => {
    expect(decodePmpAnswer(golden("nat-pmp-address"))).toEqual({
      type: "address",
      epochS: 1,
      address: "11.0.3.2",
    });
    const mapped = { type: "mapped", epochS: 1, innerPort: 5000, outerPort: 5001, lifetimeS: 3600 };
    expect(decodePmpAnswer(golden("nat-pmp-mapped"))).toEqual(mapped);
    expect(decodePmpAnswer(golden("nat-pmp-refused"))).toMatchObject({ type: "refused" });
    expect(decodePmpAnswer(golden("nat-pmp-unmapped"))).toMatchObject({
      outerPort: 0,
      lifetimeS: 0,
    });
  });

  it("tells why a router refuses, however short it is about it", () => {
    expect(decodePmpAnswer(hex("0082000200000007"))).toEqual({
      type: "refused",
      about: "mapped",
      reason: "port mapping is not allowed",
    });
    // RFC 6887 §9: a PCP server answers version 0 with its own version and result 1.
    expect(decodePmpAnswer(hex("0280000100000007"))).toMatchObject({ type: "refused" });
    expect(decodePmpAnswer(hex("0080006300000007"))).toMatchObject({ reason: "result 99" });
  });

  it.each(["", "00", "0080", "008000000000", "0080000000000007", "0000000000000000"])(
    "refuses %s, which is none",
    (text) => {
      expect(() => decodePmpAnswer(hex(text))).toThrow(WireError);
    },
  );

  it("refuses a mapping of or to port 0", () => {
    expect(() => decodePmpAnswer(hex("00820000000000070000138900000e10"))).toThrow(WireError);
    expect(() => decodePmpAnswer(hex("00820000000000071388000000000e10"))).toThrow(WireError);
  });
});
