/** RFC 6762 §5 to §7, RFC 6763 §4 to §12: who is answered, when, how, and with what. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DnsRecord, RECORD_CODE, encodeMessage } from "../../../platform/dns/message.ts";
import { hasType } from "../../../platform/dns/record.ts";
import {
  ALL_TYPES,
  ensureHost,
  ensurePublishable,
  ensureServiceType,
} from "../../../bridge/mdns/own-records.ts";
import { isInstanceLabel, nextInstance } from "../../../bridge/zeroconf/instance-name.ts";
import type { ZeroconfService } from "../../../bridge/zeroconf/service.ts";
import {
  FakeLink,
  HTTP,
  type Host,
  STRANGER,
  type Sent,
  addressOf,
  namesOf,
  pointer,
  question,
  serviceOf,
  srv,
} from "./fake-link.ts";

/** A link with one host that has announced these services, and is quiet. */
function quietLink(...services: ZeroconfService[]): { link: FakeLink; host: Host; ids: number[] } {
  const link = new FakeLink();
  const host = link.add();
  const ids = services.map((service) => link.register(host, service));
  link.run(10_000);
  return { link, host, ids };
}

/** What is sent from now on within a time. */
function answersTo(link: FakeLink, act: () => void, forMs = 2_000): Sent[] {
  const fromMs = link.nowMs;
  link.sent.length = 0;
  act();
  link.run(forMs);
  return link.since(fromMs);
}

const PTR = question(HTTP, "ptr");
const SRV = question(["Web", ...HTTP], "srv");

describe("when", () => {
  it("row 16, §6: answers for unique records at once, for shared ones after 20 to 120 ms", () => {
    const delays = Array.from({ length: 20 }, (_, i) => {
      const link = new FakeLink();
      link.register(link.add(i), serviceOf());
      link.run(10_000);
      const askedMs = link.nowMs;
      const [unique] = answersTo(link, () => link.ask([SRV]));
      expect(unique!.atMs).toBe(askedMs);
      const sharedMs = link.nowMs;
      const [shared] = answersTo(link, () => link.ask([PTR]));
      return shared!.atMs - sharedMs;
    });
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(20);
    expect(Math.max(...delays)).toBeLessThanOrEqual(120);
    expect(new Set(delays).size).toBeGreaterThan(5);
  });

  it("row 16, §6: waits with a shared record of its own, too, when others are asked as well", () => {
    const { link } = quietLink(serviceOf());
    const askedMs = link.nowMs;
    const foreign = question(["Other", ...HTTP], "srv");
    const [answer] = answersTo(link, () => link.ask([SRV, foreign]));
    expect(answer!.atMs - askedMs).toBeGreaterThanOrEqual(20);
  });

  it("row 16, §6: multicasts a record once a second, and not again for who asked before", () => {
    const { link } = quietLink(serviceOf());
    const sent = answersTo(link, () => {
      for (let i = 0; i < 100; i++) {
        link.ask([SRV], {}, { from: `10.0.0.${i + 10}` });
        link.run(50);
      }
    });
    const gaps = sent.slice(1).map(({ atMs }, i) => atMs - sent[i]!.atMs);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000);
    expect(sent.length).toBeLessThanOrEqual(7);
  });

  it("row 16, §6: defends a name within 250 ms of its last answer", () => {
    const { link } = quietLink(serviceOf());
    const probe = { authorities: [srv("Web", "zzz")] };
    const askedMs = link.nowMs;
    const sent = answersTo(link, () => {
      link.ask([question(["Web", ...HTTP], "any")], probe);
      link.run(100);
      link.ask([question(["Web", ...HTTP], "any")], probe);
    });
    expect(sent.map(({ atMs }) => atMs - askedMs)).toEqual([0, 250]);
    expect(namesOf(sent[0]!.message.answers)).toEqual(["srv Web", "txt Web"]);
  });

  it("row 16, §6: answers a question once that comes by both address families", () => {
    const { link } = quietLink(serviceOf());
    const sent = answersTo(
      link,
      () => {
        link.ask([SRV]);
        link.run(2);
        link.ask([SRV]);
      },
      5_000,
    );
    expect(sent).toHaveLength(1);
  });

  it("row 17, §5.4: answers QU to the asker alone, but to all when it was not multicast within a quarter of its lifetime", () => {
    const { link } = quietLink(serviceOf());
    const qu = question(["Web", ...HTTP], "srv", true);
    const [unicast] = answersTo(link, () => link.ask([qu]));
    expect(unicast).toMatchObject({ to: { address: STRANGER, port: 5353 } });
    expect(unicast!.message).toMatchObject({ id: 0, questions: [] });
    expect(unicast!.message.answers).toMatchObject([{ isFlush: true, ttlS: 120 }]);
    link.run(31_000);
    const [multicast] = answersTo(link, () => link.ask([qu]));
    expect(multicast!.to).toBeNull();
  });
});

describe("known and told", () => {
  it("row 14, §7.1: leaves out what the asker knows for half its lifetime or more", () => {
    const { link } = quietLink(serviceOf(), serviceOf({ instance: "B" }));
    const [sent] = answersTo(link, () => link.ask([PTR], { answers: [pointer("Web", 2250)] }));
    expect(namesOf(sent!.message.answers)).toEqual(["ptr B"]);
    const both = answersTo(link, () =>
      link.ask([PTR], { answers: [pointer("WEB", 2250), pointer("b", 4000)] }),
    );
    expect(both).toEqual([]);
    const [stale] = answersTo(link, () => link.ask([PTR], { answers: [pointer("Web", 2249)] }));
    expect(namesOf(stale!.message.answers).toSorted()).toEqual(["ptr B", "ptr Web"]);
  });

  it("row 14, §7.2: waits 400 to 500 ms for the rest of a truncated list, and heeds it", () => {
    const { link } = quietLink(serviceOf(), serviceOf({ instance: "B" }));
    const askedMs = link.nowMs;
    const [sent] = answersTo(link, () => {
      link.ask([PTR], { isTruncated: true });
      link.run(100);
      link.ask([], { answers: [pointer("Web")] }, { from: "10.0.0.77" }); // not who asked
      link.ask([], { answers: [pointer("B")] });
    });
    expect(sent!.atMs - askedMs).toBeGreaterThanOrEqual(400);
    expect(sent!.atMs - askedMs).toBeLessThanOrEqual(500);
    expect(namesOf(sent!.message.answers)).toEqual(["ptr Web"]);
  });

  it("row 15, §7.4: keeps quiet when another host gives the same answer first", () => {
    const { link } = quietLink(serviceOf());
    const told = answersTo(link, () => {
      link.ask([PTR]);
      link.run(10);
      link.answer([pointer("Web")]);
    });
    expect(told).toEqual([]);
    const shorter = answersTo(link, () => {
      link.ask([PTR]);
      link.run(10);
      link.answer([pointer("Web", 4499)]);
    });
    expect(shorter).toHaveLength(1);
  });

  it("row 10, §6.6, §10.1: rescues its records from another's goodbye or too short a life", () => {
    const { link } = quietLink(serviceOf());
    const sent = answersTo(link, () => link.answer([{ ...pointer("Web"), ttlS: 0 }]));
    expect(sent[0]!.message.answers).toMatchObject([{ type: "ptr", ttlS: 4500 }]);
    const unique = answersTo(link, () => link.answer([srv("Web", "far-away", 80, 59)]));
    expect(unique).toHaveLength(1);
    expect(unique[0]!.message.answers).toMatchObject([{ type: "srv", ttlS: 120 }]);
    expect(answersTo(link, () => link.answer([srv("Web", "far-away", 80, 60)]))).toEqual([]);
  });

  it("row 10, §6.6: survives the goodbye of a host that had the same, told once by those that stay", () => {
    const link = new FakeLink();
    const hosts = [link.add(), link.add(), link.add()];
    const ids = hosts.map((host) =>
      link.register(host, serviceOf({ addresses: [] }), { isShared: true }),
    );
    link.feed(hosts[2]!, { type: "browse", serviceType: "_http._tcp" });
    link.run(10_000);
    const sent = answersTo(
      link,
      () => link.feed(hosts[0]!, { type: "withdraw", id: ids[0]! }),
      900,
    );
    const pointers = sent.filter(({ message }) =>
      message.answers.some(({ type, ttlS }) => type === "ptr" && ttlS > 0),
    );
    expect(pointers).toHaveLength(1);
  });
});

describe("how", () => {
  it("row 18, §6.7: answers a plain DNS client alone, with its id and question, for ten seconds, flushing nothing", () => {
    const { link } = quietLink(serviceOf());
    const client = { from: "10.0.0.50", port: 40_000 };
    const [sent] = answersTo(link, () => link.ask([PTR], { id: 4711 }, client));
    expect(sent!.to).toEqual({ address: client.from, port: client.port });
    expect(sent!.message).toMatchObject({ id: 4711, questions: [PTR], isResponse: true });
    expect(namesOf(sent!.message.answers)).toEqual(["ptr Web"]);
    const all = [...sent!.message.answers, ...sent!.message.additionals];
    expect(all.every(({ ttlS, isFlush }) => ttlS <= 10 && !isFlush)).toBe(true);
    const askedMs = link.nowMs;
    expect(answersTo(link, () => link.ask([PTR], {}, client))[0]!.atMs).toBe(askedMs);
    expect(answersTo(link, () => link.ask([question(["x", "local"], "a")], {}, client))).toEqual(
      [],
    );
  });

  it("row 18, §6.7: answers ten plain clients of ten", () => {
    const { link } = quietLink(serviceOf());
    const sent = answersTo(link, () => {
      for (let i = 0; i < 10; i++) link.ask([SRV], { id: i }, { port: 40_000 + i });
    });
    expect(sent.map(({ message }) => message.id)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("row 19, §6.1: denies types that its names do not have, and only those of its own names", () => {
    const { link } = quietLink(serviceOf());
    const [sent] = answersTo(link, () => link.ask([question(["far-away", "local"], "aaaa")]));
    const [denial] = sent!.message.answers;
    expect(denial).toMatchObject({ type: "nsec", isFlush: true, ttlS: 120 });
    const { bitmaps } = denial as DnsRecord & { type: "nsec" };
    expect(hasType(bitmaps, RECORD_CODE.a)).toBe(true);
    expect(hasType(bitmaps, RECORD_CODE.aaaa)).toBe(false);
    const [service] = answersTo(link, () => link.ask([question(["Web", ...HTTP], "a")]));
    expect(namesOf(service!.message.answers)).toEqual(["nsec Web"]);
    expect(answersTo(link, () => link.ask([question(["Other", ...HTTP], "a")]))).toEqual([]);
    expect(answersTo(link, () => link.ask([question(HTTP, "a")]))).toEqual([]);
  });

  it("row 19, §6.1: denies no address of a name that others share", () => {
    const link = new FakeLink();
    link.register(link.add(), serviceOf(), { isShared: true });
    link.run(10_000);
    expect(answersTo(link, () => link.ask([question(["far-away", "local"], "aaaa")]))).toEqual([]);
  });

  it("row 20, §6.2, row 29: answers with the addresses it was given, foreign ones, and none of its own", () => {
    const addresses = ["203.0.113.7", "2001:db8::7"];
    const { link, host } = quietLink(serviceOf({ addresses }));
    const [sent] = answersTo(link, () => link.ask([question(["far-away", "local"], "any")]));
    const told = sent!.message.answers.flatMap((r) =>
      r.type === "a" || r.type === "aaaa" ? r.address : [],
    );
    expect(told.toSorted()).toEqual(addresses.toSorted());
    expect(told).not.toContain(host.address);
    // Both families beside one another.
    const [one] = answersTo(link, () => link.ask([question(["far-away", "local"], "a")]));
    expect(one!.message.additionals).toMatchObject([{ type: "aaaa", address: "2001:db8::7" }]);
  });

  it("row 21, §11, §6: hears nobody who is off the link, and no response from another port", () => {
    const { link, host } = quietLink(serviceOf());
    const sent = answersTo(link, () => {
      link.ask([SRV], {}, { from: "198.51.100.1" });
      link.ask([SRV], {}, { from: "198.51.100.1", port: 4000 });
      link.answer([srv("Web", "elsewhere")], { from: "198.51.100.1" });
      link.answer([srv("Web", "elsewhere")], { port: 5354 });
      link.ask([SRV], {}, { from: "fe80::1%other0" });
    });
    expect(sent).toEqual([]);
    expect(host.machine.stats).toMatchObject({ offLink: 4, conflicts: 0 });
  });

  it("row 22, §17, §18.14: splits what does not fit a frame, compressed, and sends one huge record alone", () => {
    const services = Array.from({ length: 200 }, (_, i) => serviceOf({ instance: `Nr ${i}` }));
    const { link } = quietLink(...services);
    const sent = answersTo(link, () => link.ask([PTR]));
    expect(sent.flatMap(({ message }) => message.answers)).toHaveLength(200);
    for (const { bytes, message } of sent) {
      expect(bytes.length).toBeLessThanOrEqual(1440);
      expect(message.isTruncated).toBe(false);
    }
    // All that is needed comes with each pointer; without compression it would take 30 frames.
    expect(sent.length).toBeLessThanOrEqual(15);
    const huge = Array.from({ length: 33 }, () => new Uint8Array(250));
    const big = quietLink(serviceOf({ txt: huge })).link;
    const [one] = answersTo(big, () => big.ask([question(["Web", ...HTTP], "txt")]));
    expect(one!.bytes.length).toBeGreaterThan(8_000);
    expect(one!.bytes.length).toBeLessThan(9_000);
  });

  it("row 23, §18: ignores other opcodes and response codes, heeds no id, RD or AD, and sends an id of 0", () => {
    const { link, host } = quietLink(serviceOf());
    const query = encodeMessage({
      id: 99,
      isResponse: false,
      isTruncated: false,
      questions: [SRV],
      answers: [],
      authorities: [],
      additionals: [],
    });
    const withFlags = (flags: number): Uint8Array => {
      const bytes = query.slice();
      new DataView(bytes.buffer).setUint16(2, flags);
      return bytes;
    };
    for (const flags of [0x0800, 0x7800, 0x0001, 0x000f])
      expect(answersTo(link, () => link.inject(withFlags(flags)))).toEqual([]);
    expect(host.machine.stats.malformed).toBe(4);
    const [sent] = answersTo(link, () => link.inject(withFlags(0x0130)));
    expect(sent!.message.id).toBe(0);
    expect(Buffer.from(sent!.bytes.subarray(2, 4)).toString("hex")).toBe("8400");
  });
});

describe("names and TXT (RFC 6763)", () => {
  it("row 25, §4.1.1: keeps an instance one label, dots, spaces, quotes and all", () => {
    for (const instance of [
      "Tom's Music v1.2",
      "a.b.c",
      "Bücher & Töne",
      "プリンタ",
      "é".repeat(31),
    ]) {
      const { link } = quietLink(serviceOf({ instance }));
      const [sent] = answersTo(link, () => link.ask([PTR]));
      expect(sent!.message.answers).toMatchObject([{ type: "ptr", target: [instance, ...HTTP] }]);
    }
  });

  it("row 25, §4.1.1: refuses what is no instance, type or host, and says what is", () => {
    const refused: [Partial<ZeroconfService>, RegExp][] = [
      [{ instance: "" }, /1 to 63 bytes in NFC/],
      [{ instance: "x".repeat(64) }, /1 to 63 bytes/],
      [{ instance: "a\nb" }, /control characters/],
      [{ instance: "e\u0301" }, /NFC/],
      [{ type: "http" }, /"_http\._tcp" is one/],
      [{ type: "_http._tcp.local" }, /service type/],
      [{ host: ["local"] }, /"name\.local" is one/],
      [{ host: ["a..b", "x".repeat(64)] }, /host name/],
      [{ port: 65_536 }, /0 to 65535/],
      [{ txt: [new Uint8Array(256)] }, /longer than 255/],
      [{ txt: [new Uint8Array(0)] }, /is empty/],
      [{ txt: Array.from({ length: 40 }, () => new Uint8Array(255)) }, /10240 bytes; one packet/],
      [{ addresses: ["printer"] }, /no address/],
      [{ subtypes: ["x".repeat(64)] }, /subtype/],
    ];
    for (const [given, message] of refused)
      expect(() => ensurePublishable(serviceOf(given))).toThrow(message);
    expect(() => ensureServiceType("_a._sctp")).toThrow(/ERR|service type/);
    expect(() => ensureHost([], [])).toThrow(/host name/);
  });

  it("row 26, §6.1: an empty TXT record is one zero byte, and never left out", () => {
    const { link } = quietLink(serviceOf({ txt: [] }));
    const [sent] = answersTo(link, () => link.ask([question(["Web", ...HTTP], "txt")]));
    expect(sent!.message.answers).toMatchObject([{ type: "txt", strings: [] }]);
    // Type, class with flush bit, 4500 s, one byte of data, which is zero.
    expect(Buffer.from(sent!.bytes).toString("hex")).toContain("0010800100001194000100");
  });

  it("row 26, §6: keeps TXT strings opaque and in order, whatever the bytes", () => {
    const strings = fc.array(fc.uint8Array({ minLength: 1, maxLength: 255 }), { maxLength: 8 });
    fc.assert(
      fc.property(strings, (given) => {
        const { link } = quietLink(serviceOf({ txt: given }));
        const [sent] = answersTo(link, () => link.ask([question(["Web", ...HTTP], "txt")]));
        expect(sent!.message.answers).toMatchObject([{ type: "txt", strings: given }]);
      }),
      { numRuns: 30 },
    );
  });

  it("row 27, §7.1: points from subtypes", () => {
    const { link } = quietLink(serviceOf({ subtypes: ["_printer"] }), serviceOf({ instance: "B" }));
    const subtype = question(["_printer", "_sub", ...HTTP], "ptr");
    const [sent] = answersTo(link, () => link.ask([subtype]));
    expect(sent!.message.answers).toMatchObject([{ target: ["Web", ...HTTP] }]);
    expect(sent!.message.answers).toHaveLength(1);
  });

  it("row 27, §9: lists its service types, as long as there is a service of the type", () => {
    const { link, host, ids } = quietLink(
      serviceOf(),
      serviceOf({ instance: "B" }),
      serviceOf({ type: "_ipp._tcp" }),
    );
    const list = (): string[] =>
      answersTo(link, () => link.ask([question(ALL_TYPES, "ptr")])).flatMap(({ message }) =>
        namesOf(message.answers),
      );
    expect(list().toSorted()).toEqual(["ptr _http", "ptr _ipp"]);
    link.feed(host, { type: "withdraw", id: ids[0]! });
    link.feed(host, { type: "withdraw", id: ids[2]! });
    link.run(2_000);
    expect(list()).toEqual(["ptr _http"]);
  });

  it("row 28, §12: sends with a pointer what it points to, with a host its addresses", () => {
    const { link } = quietLink(serviceOf({ addresses: ["203.0.113.7", "2001:db8::7"] }));
    const [pointed] = answersTo(link, () => link.ask([PTR]));
    expect(namesOf(pointed!.message.additionals).toSorted()).toEqual(
      ["srv Web", "txt Web", "a far-away", "aaaa far-away"].toSorted(),
    );
    const [located] = answersTo(link, () => link.ask([SRV]));
    expect(namesOf(located!.message.additionals)).toEqual(["a far-away", "aaaa far-away"]);
    const [text] = answersTo(link, () => link.ask([question(["Web", ...HTTP], "txt")]));
    expect(text!.message.additionals).toEqual([]);
  });

  it("row 28, §12, 6762 §7.1: leaves out beside the answer what the asker knows", () => {
    const { link } = quietLink(serviceOf());
    const answers = [srv("Web", "far-away"), addressOf("far-away", "203.0.113.7")];
    const [sent] = answersTo(link, () => link.ask([PTR], { answers }));
    expect(namesOf(sent!.message.additionals).toSorted()).toEqual(["nsec far-away", "txt Web"]);
  });

  it("appendix D: numbers names within 63 bytes, between characters", () => {
    expect(nextInstance("Printer")).toBe("Printer (2)");
    expect(nextInstance("Printer (2)")).toBe("Printer (3)");
    expect(nextInstance("Printer (9)")).toBe("Printer (10)");
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }), (text) => {
        const instance = text.normalize("NFC");
        if (!isInstanceLabel(instance)) return;
        const next = nextInstance(instance);
        expect(isInstanceLabel(next)).toBe(true);
        expect(next).not.toBe(instance);
      }),
    );
  });
});
