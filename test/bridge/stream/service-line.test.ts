import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BridgeError } from "../../../bridge/errors.ts";
import { parseServiceLine, serviceLineOf } from "../../../bridge/stream/service-line.ts";
import type { ServiceEvent } from "../../../bridge/types.ts";

const label = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
  .map((text) => text.normalize("NFC"))
  .filter((text) => !/\p{Cc}/u.test(text) && Buffer.byteLength(text) <= 63);

const service = fc.record({
  instance: label,
  type: fc.constantFrom("_http._tcp", "_daap._tcp", "_ntp._udp"),
  subtypes: fc.array(label, { maxLength: 3 }),
  host: fc.array(label, { minLength: 1, maxLength: 3 }),
  port: fc.integer({ min: 1, max: 65_535 }),
  txt: fc.array(fc.uint8Array({ minLength: 1, maxLength: 255 }), { maxLength: 5 }),
  addresses: fc.array(fc.oneof(fc.ipV4(), fc.ipV6()), { minLength: 1, maxLength: 3 }),
});

describe("a line of a stream", () => {
  it("gives the service it was made of, byte for byte", () => {
    fc.assert(
      fc.property(service, (one) => {
        const event: ServiceEvent = { event: "add", service: one };
        const line = JSON.stringify(serviceLineOf(event));
        expect(line).not.toContain("\n");
        expect(parseServiceLine(line)).toEqual(event);
        const removal: ServiceEvent = {
          event: "remove",
          id: { instance: one.instance, type: one.type },
        };
        expect(parseServiceLine(JSON.stringify(serviceLineOf(removal)))).toEqual(removal);
      }),
    );
  });

  it("may leave out what has a default", () => {
    const line = '{"event":"add","instance":"x","type":"http","port":80,"addresses":["::1"]}';
    expect(parseServiceLine(line)).toMatchObject({
      service: { type: "_http._tcp", subtypes: [], txt: [], host: ["unknown", "local"] },
    });
  });

  const good = {
    ...{ event: "add", instance: "x", type: "_http._tcp", port: 80, addresses: ["10.0.0.1"] },
  };

  it.each([
    ["{", /it is not JSON/],
    ["[]", /not a JSON object/],
    ["{}", /event: allowed: "add" and "remove"/],
    [{ ...good, adresses: [] }, /unknown field "adresses"; known: event, instance/],
    [{ ...good, event: "remove" }, /unknown field "port"/],
    [{ ...good, instance: "" }, /instance: it has 0 bytes; allowed: 1 to 63/],
    [{ ...good, instance: "é".repeat(32) }, /instance: it has 64 bytes/],
    [{ ...good, instance: "a\u0000b" }, /instance: .*control characters/],
    [{ ...good, type: "all" }, /one type, not all/],
    [{ ...good, type: "_causeway._tcp" }, /never bridged/],
    [{ ...good, port: 65_536 }, /port: allowed: 1 to 65535/],
    [{ ...good, port: "80" }, /port: allowed/],
    [{ ...good, addresses: [] }, /addresses: at least one/],
    [{ ...good, addresses: ["fe80::1%eth0"] }, /without a zone/],
    [{ ...good, addresses: ["host.local"] }, /IPv4 and IPv6 addresses/],
    [{ ...good, addresses: undefined }, /addresses: allowed: a list/],
    [{ ...good, txt: ["x".repeat(256)] }, /strings of 1 to 255 bytes/],
    [{ ...good, txt: [""] }, /strings of 1 to 255 bytes/],
    [{ ...good, txt: [{ base64: "?" }] }, /strings of 1 to 255 bytes/],
    [{ ...good, txt: Array.from({ length: 40 }, () => "x".repeat(255)) }, /txt: 10240 bytes/],
    [{ ...good, host: "" }, /host: allowed/],
    [{ ...good, host: "a..b" }, /host: allowed/],
    [{ ...good, host: `${"a".repeat(64)}.local` }, /host: allowed/],
    [{ ...good, subtypes: ["x".repeat(64)] }, /subtypes: allowed/],
    ["x".repeat(70_000), /more than 65536 bytes/],
  ])("refuses %j", (line, message) => {
    const text = typeof line === "string" ? line : JSON.stringify(line);
    expect(() => parseServiceLine(text)).toThrow(BridgeError);
    expect(() => parseServiceLine(text)).toThrow(message);
  });
});
