/** What other responders send: read, written again byte for byte, and understood. */
import { describe, expect, it } from "vitest";
import { toHex, utf8 } from "../../../platform/bytes.ts";
import { decodeMessage, encodeMessage } from "../../../platform/dns/message.ts";
import { readGolden } from "../../golden/read-golden.ts";
import {
  FakeLink,
  type Host,
  addressOf,
  namesOf,
  newsOf,
  serviceOf,
  shownBy,
} from "./fake-link.ts";

const AVAHI = readGolden("mdns-bridge/avahi-0.8.txt");
const ZEROCONF = readGolden("mdns-bridge/zeroconf-0.47.txt");
const FAR = "10.0.0.77";
/** The bit that a response has and a question has not (RFC 6762 §18.4), which we do not repeat. */
const AUTHORITATIVE = 0x04;

function browser(type: string): { link: FakeLink; host: Host; hear: (bytes?: Uint8Array) => void } {
  const link = new FakeLink();
  const host = link.add();
  link.feed(host, { type: "browse", serviceType: type });
  link.run(1_500);
  return { link, host, hear: (bytes) => link.inject(bytes!, { from: FAR }) };
}

describe.each([
  ["Avahi", AVAHI],
  ["python-zeroconf", ZEROCONF],
] as const)("%s", (_name, golden) => {
  it.each([...golden])("%s: comes back as the same bytes", (_what, bytes) => {
    const expected = bytes.slice();
    const message = decodeMessage(bytes);
    if (!message.isResponse) expected[2]! &= ~AUTHORITATIVE;
    expect(toHex(encodeMessage(message))).toBe(toHex(expected));
  });
});

describe("a service of Avahi", () => {
  it("is shown with its name, TXT, subtype and both addresses, and is gone after its goodbye", () => {
    const { host, hear, link } = browser("_daap._tcp");
    hear(AVAHI.get("announcement with subtype, IPv4"));
    hear(AVAHI.get("announcement with subtype, IPv6"));
    expect(newsOf(host, "found").at(-1)!.service).toMatchObject({
      instance: "Tom's Music v1.2",
      subtypes: ["_itunes"],
      host: ["alpha-1", "local"],
      port: 3689,
      txt: [utf8("Version=1")],
    });
    const { addresses } = newsOf(host, "found").at(-1)!.service;
    expect(addresses.toSorted()).toEqual(["10.77.0.11", "fd00:1::11"]);
    hear(AVAHI.get("goodbye")); // of another service of that type
    link.run(2_000);
    expect(shownBy(host)).toEqual(["Tom's Music v1.2"]);
  });

  it("has an empty TXT, which is no string", () => {
    const { host, hear, link } = browser("_ipp._tcp");
    // Avahi does not announce again what it did for another service: the address is asked for.
    hear(AVAHI.get("announcement with empty TXT"));
    link.run(200);
    expect(link.sent.at(-1)!.message.questions).toMatchObject([
      { name: ["alpha-1", "local"] },
      { name: ["alpha-1", "local"] },
    ]);
    link.answer([addressOf("alpha-1", "10.77.0.11")]);
    expect(newsOf(host, "found")[0]!.service).toMatchObject({ instance: "Büro Drucker", txt: [] });
  });

  it("loses nothing to a probe of ours, and we yield to its defence", () => {
    const { link, host, hear } = browser("_daap._tcp");
    const service = serviceOf({ instance: "Tom's Music v1.2", type: "_daap._tcp" });
    link.register(host, service, { candidates: ["Tom's Music v1.2 (2)"] });
    link.run(300);
    hear(AVAHI.get("defence against a probe"));
    link.run(2_000);
    expect(newsOf(host, "registered")).toMatchObject([{ instance: "Tom's Music v1.2 (2)" }]);
  });

  it("yields to ours: its probe is answered at once", () => {
    const { link, host, hear } = browser("_daap._tcp");
    const service = serviceOf({ instance: "Tom's Music v1.2 #2", type: "_daap._tcp" });
    link.register(host, service);
    link.run(5_000);
    const probedMs = link.nowMs;
    hear(AVAHI.get("probe with the next name"));
    const [answer] = link.since(probedMs);
    expect(answer!.atMs).toBe(probedMs);
    expect(namesOf(answer!.message.answers).toSorted()).toEqual([
      "srv Tom's Music v1.2 #2",
      "txt Tom's Music v1.2 #2",
    ]);
  });
});

it("a service of python-zeroconf comes and goes", () => {
  const { host, hear, link } = browser("_http._tcp");
  hear(ZEROCONF.get("probe, with the bit of an answer"));
  expect(shownBy(host)).toEqual([]);
  hear(ZEROCONF.get("announcement"));
  expect(newsOf(host, "found")[0]!.service).toMatchObject({
    instance: "Zeroconf of Python",
    host: ["py", "local"],
    port: 8080,
    addresses: ["10.77.0.11"],
  });
  hear(ZEROCONF.get("goodbye"));
  link.run(1_001);
  expect(shownBy(host)).toEqual([]);
});
