import { describe, expect, it } from "vitest";
import { utf8 } from "../../../platform/bytes.ts";
import { WireError } from "../../../platform/errors.ts";
import {
  decodeDescription,
  decodeSearchAnswer,
  decodeSoapAnswer,
  DOCUMENT_BYTES_MAX,
  encodeSearches,
  encodeSoapCall,
} from "../../../overlay/mapping/upnp.ts";
import { golden } from "./golden.ts";

const ANSWER = [
  "HTTP/1.1 200 OK",
  "CACHE-CONTROL: max-age=120",
  "ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1",
  "Location: http://192.168.1.1:34567/rootDesc.xml",
  "",
  "",
].join("\r\n");
const FROM = { host: "192.168.1.1", port: 34_567, path: "/rootDesc.xml" };

function described(...services: readonly (readonly [string, string])[]): Uint8Array {
  const parts = services.map(
    ([type, url]) =>
      `<service><serviceType>urn:schemas-upnp-org:service:${type}</serviceType>` +
      `<controlURL>${url}</controlURL></service>`,
  );
  return utf8(`<?xml version="1.0"?><root><device>${parts.join("")}</device></root>`);
}

function body(inner: string): Uint8Array {
  return utf8(`<s:Envelope><s:Body>${inner}</s:Body></s:Envelope>`);
}

describe("a search for gateways", () => {
  it("understands miniupnpd 2.3.1", () => {
    const found = decodeSearchAnswer(golden("search-answer"));
    expect(found).toMatchObject({ host: "192.168.1.1", path: "/rootDesc.xml" });
    expect(decodeDescription(golden("description"), found)).toEqual({
      service: "urn:schemas-upnp-org:service:WANIPConnection:2",
      host: "192.168.1.1",
      port: found.port,
      path: "/ctl/IPConn",
    });
    const names = ["NewInternalClient", "NewInternalPort", "NewExternalIPAddress"];
    const values = (name: string): unknown => decodeSoapAnswer(golden(name), names);
    expect(values("outer-address")).toMatchObject({ values: [undefined, undefined, "11.0.3.2"] });
    expect(values("entry")).toMatchObject({ values: ["192.168.1.11", "5000", undefined] });
    expect(values("no-entry")).toEqual({ type: "fault", code: 714 });
    expect(values("refused")).toEqual({ type: "fault", code: 606 });
    expect(values("added")).toMatchObject({ type: "done" });
    expect(values("deleted")).toMatchObject({ type: "done" });
  });

  it("asks for devices of both versions", () => {
    const texts = encodeSearches().map((bytes) => new TextDecoder().decode(bytes));
    expect(texts.every((text) => text.startsWith("M-SEARCH * HTTP/1.1\r\n"))).toBe(true);
    expect(texts.every((text) => text.endsWith("\r\n\r\n"))).toBe(true);
    expect(texts.map((text) => /ST: .*:(\d)\r/.exec(text)?.[1])).toEqual(["1", "2"]);
  });

  it("takes the address of the description, whatever the case of its name", () => {
    expect(decodeSearchAnswer(utf8(ANSWER))).toEqual(FROM);
  });

  it.each([
    ["another device", ANSWER.replace("InternetGatewayDevice", "MediaServer")],
    ["no answer", ANSWER.replace("HTTP/1.1 200 OK", "NOTIFY * HTTP/1.1")],
    ["another protocol", ANSWER.replace("http://", "file://")],
    ["no address", ANSWER.replace(/Location.*\r\n/, "")],
    ["a password", ANSWER.replace("http://", "http://a:b@")],
    ["too much", ANSWER + "X".repeat(3_000)],
  ])("refuses %s", (_what, text) => {
    expect(() => decodeSearchAnswer(utf8(text))).toThrow(WireError);
  });
});

describe("a description", () => {
  it("names where ports are mapped: the best service, relative to where it came from", () => {
    const bytes = described(
      ["Layer3Forwarding:1", "/ctl/L3F"],
      ["WANPPPConnection:1", "/ctl/PPP"],
      ["WANIPConnection:1", "/ctl/IPConn?a=1&amp;b=2"],
    );
    expect(decodeDescription(bytes, FROM)).toEqual({
      service: "urn:schemas-upnp-org:service:WANIPConnection:1",
      host: "192.168.1.1",
      port: 34_567,
      path: "/ctl/IPConn?a=1&b=2",
    });
    const whole = described(["WANIPConnection:2", "http://10.9.9.9/x"]);
    expect(decodeDescription(whole, FROM)).toMatchObject({ host: "10.9.9.9", port: 80 });
  });

  it("is refused without such a service, or when it is too long", () => {
    expect(() => decodeDescription(described(["Layer3Forwarding:1", "/x"]), FROM)).toThrow(
      WireError,
    );
    expect(() => decodeDescription(described(["WANIPConnection:1", "ftp://a/"]), FROM)).toThrow(
      WireError,
    );
    expect(() => decodeDescription(new Uint8Array(DOCUMENT_BYTES_MAX + 1), FROM)).toThrow(
      WireError,
    );
  });
});

describe("a call", () => {
  it("has its arguments in order", () => {
    const text = new TextDecoder().decode(
      encodeSoapCall("urn:x:1", "AddPortMapping", { NewRemoteHost: "", NewExternalPort: 5 }),
    );
    expect(text).toContain(
      '<u:AddPortMapping xmlns:u="urn:x:1"><NewRemoteHost></NewRemoteHost><NewExternalPort>5</NewExternalPort></u:AddPortMapping>',
    );
  });

  it("is answered with values, absent ones undefined", () => {
    const answer = body(
      '<u:R><NewExternalIPAddress dt:dt="string"> 203.0.113.7 </NewExternalIPAddress></u:R>',
    );
    expect(decodeSoapAnswer(answer, ["NewExternalIPAddress", "NewLeaseDuration"])).toEqual({
      type: "done",
      values: ["203.0.113.7", undefined],
    });
  });

  it("is answered with a fault and its number, or 0 when it has none", () => {
    const fault = body(
      "<s:Fault><detail><UPnPError><errorCode>718</errorCode></UPnPError></detail></s:Fault>",
    );
    expect(decodeSoapAnswer(fault)).toEqual({ type: "fault", code: 718 });
    expect(decodeSoapAnswer(body("<s:Fault></s:Fault>"))).toEqual({ type: "fault", code: 0 });
  });

  it("is not answered by a page of the router's own", () => {
    expect(() => decodeSoapAnswer(utf8("<html><body>404</body></html>"))).toThrow(WireError);
  });

  it("takes no value longer than any has reason to be", () => {
    const long = body(`<NewExternalIPAddress>${"1".repeat(500)}</NewExternalIPAddress>`);
    expect(decodeSoapAnswer(long, ["NewExternalIPAddress"])).toMatchObject({ values: [undefined] });
  });
});
