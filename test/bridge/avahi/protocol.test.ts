import { describe, expect, it } from "vitest";
import { serviceCalls } from "../../../bridge/avahi/entries.ts";
import { domainText, parseRecordData, recordDataBytes } from "../../../bridge/avahi/protocol.ts";
import { RECORD_CODE } from "../../../platform/dns/message.ts";
import { serviceOf } from "./services.ts";

describe("Avahi's texts and records", () => {
  it("escape dots and backslashes inside a label, and nothing else", () => {
    expect(domainText(["Tom's v1.2 \\ ü", "_http", "_tcp", "local"])).toBe(
      "Tom's v1\\.2 \\\\ ü._http._tcp.local",
    );
  });

  it("read the data that a record browser hands over", () => {
    // As Avahi 0.8 gave it for `avahi-publish -s x _http._tcp 1000 a=1 b=2`.
    const srv = Buffer.from("0000000003e80872656d6f74652d78056c6f63616c00", "hex");
    const data = parseRecordData(RECORD_CODE.srv, srv);
    expect(data).toMatchObject({ type: "srv", port: 1000, target: ["remote-x", "local"] });
    expect(Buffer.from(recordDataBytes(data))).toEqual(srv);
    const txt = Buffer.from("03613d3103623d32", "hex");
    expect(Buffer.from(recordDataBytes(parseRecordData(RECORD_CODE.txt, txt)))).toEqual(txt);
    expect(() => parseRecordData(RECORD_CODE.a, Uint8Array.of(1, 2, 3))).toThrow(
      expect.objectContaining({ code: "ERR_WIRE" }),
    );
    expect(() => parseRecordData(RECORD_CODE.txt, new Uint8Array(70_000))).toThrow("64 KiB");
  });

  it("name every record of a service that is announced without probing", () => {
    const service = serviceOf({ subtypes: ["_printer"] });
    const registration = { service, isShared: true, isTakeover: true };
    const calls = serviceCalls(registration, "A.b", 3, true);
    const full = "A\\.b._http._tcp.local";
    expect(calls.map(({ body }) => [body[2], body[3], body[5]])).toEqual([
      [0, "_http._tcp.local", RECORD_CODE.ptr],
      [0, "_services._dns-sd._udp.local", RECORD_CODE.ptr],
      [0, "_printer._sub._http._tcp.local", RECORD_CODE.ptr],
      [3, full, RECORD_CODE.srv],
      [3, full, RECORD_CODE.txt],
    ]);
  });
});
