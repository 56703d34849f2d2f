import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { goodbyesIn } from "../../../bridge/exporter/goodbyes.ts";
import { EMPTY_MESSAGE, encodeMessage, type DnsRecord } from "../../../platform/dns/message.ts";

const NAME = ["Tom's Music v1.2", "_daap", "_tcp", "local"];
const ID = { instance: "Tom's Music v1.2", type: "_daap._tcp" };
const PTR: DnsRecord = {
  ...{ name: NAME.slice(1), ttlS: 0, isFlush: false, type: "ptr", target: NAME },
};
const SRV: DnsRecord = {
  ...{ name: NAME, ttlS: 0, isFlush: true, type: "srv", priority: 0, weight: 0, port: 1 },
  target: ["toms-mac", "local"],
};

const response = (...answers: readonly DnsRecord[]): Uint8Array =>
  encodeMessage({ ...EMPTY_MESSAGE, isResponse: true, answers });

describe("a goodbye of a service (RFC 6762 §10.1)", () => {
  it("is its PTR or SRV record with a lifetime of 0", () => {
    expect(goodbyesIn(response(PTR))).toEqual([ID]);
    expect(goodbyesIn(response(SRV))).toEqual([ID]);
  });

  it("is no announcement, no question, and nothing of an address or a service type", () => {
    expect(goodbyesIn(response({ ...PTR, ttlS: 120 }))).toEqual([]);
    const question = encodeMessage({ ...EMPTY_MESSAGE, answers: [PTR] });
    expect(goodbyesIn(question)).toEqual([]);
    const types = ["_services", "_dns-sd", "_udp", "local"];
    expect(goodbyesIn(response({ ...PTR, name: types, target: NAME.slice(1) }))).toEqual([]);
    const host = { ...SRV, type: "a", address: "10.0.0.1", name: ["toms-mac", "local"] } as const;
    expect(goodbyesIn(response(host))).toEqual([]);
  });

  it("is not in what does not decode, and nothing is thrown", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const packet = Uint8Array.from(bytes);
        if (packet.length > 2) packet[2]! |= 0x80;
        expect(Array.isArray(goodbyesIn(packet))).toBe(true);
      }),
    );
  });
});
