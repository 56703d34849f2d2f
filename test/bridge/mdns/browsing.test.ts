/** RFC 6762 §5, §7.3, §10: what is found, refreshed and forgotten, and how little is asked for it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../../platform/bytes.ts";
import type { DnsRecord } from "../../../platform/dns/message.ts";
import { ALL_TYPES } from "../../../bridge/mdns/own-records.ts";
import { isInstanceLabel } from "../../../bridge/zeroconf/instance-name.ts";
import type { ZeroconfService } from "../../../bridge/zeroconf/service.ts";
import {
  FakeLink,
  HTTP,
  type Host,
  type Sent,
  addressOf,
  announcementOf,
  linkOf,
  namesOf,
  newsOf,
  pointer,
  question,
  serviceOf,
  shownBy,
  srv,
  txt,
} from "./fake-link.ts";

function browsing(): { link: FakeLink; host: Host } {
  const link = new FakeLink();
  const host = link.add();
  link.feed(host, { type: "browse", serviceType: "_http._tcp" });
  link.run(1_500);
  return { link, host };
}

function asked(sent: readonly Sent[]): string[] {
  return sent.flatMap(({ message }) =>
    message.questions.map(({ name, code }) => `${code} ${name[0]}`),
  );
}

function found(host: Host): ZeroconfService[] {
  return newsOf(host, "found").map(({ service }) => service);
}

describe("browsing", () => {
  it("RFC 6763 §4: shows a service once it is resolved, with all that belongs to it", () => {
    const { link, host } = browsing();
    link.answer(announcementOf("Tom's Music v1.2"));
    expect(found(host)).toEqual([
      {
        instance: "Tom's Music v1.2",
        type: "_http._tcp",
        subtypes: [],
        host: ["far-away", "local"],
        port: 80,
        txt: [utf8("path=/")],
        addresses: ["10.0.0.201"],
      },
    ]);
    expect(newsOf(host, "found")).toMatchObject([{ isOwn: false }]);
  });

  it("RFC 6763 §4, §12: asks for what did not come along, and shows nothing half", () => {
    const { link, host } = browsing();
    const fromMs = link.nowMs;
    link.answer([pointer("Web")]);
    link.run(160);
    expect(asked(link.since(fromMs)).toSorted()).toEqual(["16 Web", "33 Web"]);
    link.answer([srv("Web", "far-away"), txt("Web")]);
    link.run(160);
    expect(asked(link.since(fromMs)).slice(2).toSorted()).toEqual(["1 far-away", "28 far-away"]);
    expect(found(host)).toEqual([]);
    link.answer([addressOf("far-away", "2001:db8::7")]);
    expect(found(host)).toMatchObject([{ addresses: ["2001:db8::7"] }]);
    link.run(60_000);
    const later = asked(link.since(fromMs)).slice(4);
    expect(later.filter((one) => !one.startsWith("12 "))).toEqual([]);
  });

  it("§5.2: asks after 20 to 120 ms, then after waits that double up to an hour", () => {
    const link = new FakeLink();
    const host = link.add();
    const startMs = link.nowMs;
    link.feed(host, { type: "browse", serviceType: "_http._tcp" });
    link.run(12 * 3_600_000);
    const times = link.sent.map(({ atMs }) => atMs);
    expect(times[0]! - startMs).toBeGreaterThanOrEqual(20);
    expect(times[0]! - startMs).toBeLessThanOrEqual(120);
    const waits = times.slice(1).map((time, i) => Math.round((time - times[i]!) / 1000));
    expect(waits.slice(0, 6)).toEqual([1, 2, 4, 8, 16, 32]);
    expect(Math.max(...waits)).toBe(3600);
    expect(link.sent.length).toBeLessThan(26);
    // Never QU: the socket would not hear the answer.
    expect(link.sent.every(({ message }) => !message.questions[0]!.isUnicast)).toBe(true);
  });

  it("row 14, §7.1: tells what it knows, with what is left of its life, for half of that", () => {
    const { link } = browsing();
    link.answer([...announcementOf("Web"), ...announcementOf("B", "b", "10.0.0.202")]);
    const fromMs = link.nowMs;
    link.run(10_000);
    const known = link.since(fromMs).flatMap(({ message }) => message.answers);
    expect(namesOf(known.slice(0, 2))).toEqual(["ptr Web", "ptr B"]);
    expect(known[0]!.ttlS).toBeLessThan(4500);
    expect(known.every(({ isFlush }) => !isFlush)).toBe(true);
    link.run(2_400_000);
    const late = link.since(fromMs + 2_300_000).flatMap(({ message }) => message.answers);
    expect(late).toEqual([]);
  });

  it("row 14, §7.2: spreads what it knows over several messages, all but the last truncated", () => {
    const { link } = browsing();
    for (let i = 0; i < 120; i++) link.answer(announcementOf(`Some service number ${i}`));
    const fromMs = link.nowMs;
    link.run(3_500);
    const sent = link.since(fromMs);
    expect(sent.length).toBeGreaterThan(1);
    const first = sent.findIndex(({ message }) => message.questions.length > 0);
    const truncated = sent.slice(first).map(({ message }) => message.isTruncated);
    expect(truncated.indexOf(false)).toBeGreaterThan(0);
    expect(Math.max(...sent.map(({ bytes }) => bytes.length))).toBeLessThanOrEqual(1440);
  });

  it("row 14, §7.1: is not told by others what it knows, and by those who come told", () => {
    const link = new FakeLink();
    const [server, client] = [link.add(), link.add()];
    link.register(server, serviceOf());
    link.run(5_000);
    link.feed(client, { type: "browse", serviceType: "_http._tcp" });
    link.run(60_000);
    expect(shownBy(client)).toEqual(["Web"]);
    const answers = link.since(15_000, server).filter(({ message }) => message.isResponse);
    // The pointer once, and host records as they are refreshed.
    expect(
      answers.filter(({ message }) => message.answers.some((r) => r.type === "ptr")),
    ).toHaveLength(1);
  });

  it("row 15, §7.3: does not ask what another host asks at the time, knowing no more", () => {
    const questions = (others: readonly DnsRecord[] | undefined): number => {
      const { link, host } = browsing();
      link.answer(announcementOf("Web"));
      link.run(1_000);
      const fromMs = link.nowMs;
      for (let i = 0; i < 40; i++) {
        if (others !== undefined) link.ask([question(HTTP, "ptr")], { answers: others });
        link.run(500);
      }
      expect(shownBy(host)).toEqual(["Web"]);
      return link.since(fromMs).filter(({ message }) => message.questions.length > 0).length;
    };
    const alone = questions(undefined);
    expect(alone).toBeGreaterThan(1);
    expect(questions([pointer("Web")])).toBe(0);
    expect(questions([])).toBe(0);
    // Whoever knows of something that we do not keeps its answer from us.
    expect(questions([pointer("Unheard of")])).toBe(alone);
  });

  it("RFC 6763 §9: lists the types on the link, own ones too, as they come and go", () => {
    const link = new FakeLink();
    const host = link.add();
    link.feed(host, { type: "browse-types" });
    const id = link.register(host, serviceOf({ type: "_ipp._tcp" }));
    link.run(2_000);
    link.answer([{ name: ALL_TYPES, ttlS: 4500, isFlush: false, type: "ptr", target: HTTP }]);
    expect(newsOf(host, "type-found").map((n) => n.serviceType)).toEqual([
      "_ipp._tcp",
      "_http._tcp",
    ]);
    link.feed(host, { type: "withdraw", id });
    link.answer([{ name: ALL_TYPES, ttlS: 0, isFlush: false, type: "ptr", target: HTTP }]);
    link.run(2_000);
    expect(newsOf(host, "type-gone").map((n) => n.serviceType)).toEqual([
      "_ipp._tcp",
      "_http._tcp",
    ]);
    expect(asked(link.sent)).toContain("12 _services");
  });

  it("RFC 6763 §7.1: tells subtypes as far as they are heard", () => {
    const { link, host } = browsing();
    link.answer([...announcementOf("Web"), pointer("Web", 4500, HTTP)]);
    const subtype: DnsRecord = {
      name: ["_printer", "_sub", ...HTTP],
      ttlS: 4500,
      isFlush: false,
      type: "ptr",
      target: ["Web", ...HTTP],
    };
    link.answer([subtype]);
    expect(found(host).at(-1)).toMatchObject({ subtypes: ["_printer"] });
    link.answer([{ ...subtype, ttlS: 0 }]);
    link.run(2_000);
    expect(found(host).at(-1)).toMatchObject({ subtypes: [] });
  });

  it("shows own services as own, also where others have the very same", () => {
    const link = new FakeLink();
    const [one, other] = [link.add(), link.add()];
    for (const host of [one, other]) link.feed(host, { type: "browse", serviceType: "_HTTP._tcp" });
    link.register(one, serviceOf({ addresses: [] }), { isShared: true });
    link.run(5_000);
    expect(newsOf(one, "found")).toMatchObject([{ isOwn: true, service: { addresses: [] } }]);
    expect(newsOf(other, "found")).toEqual([]); // no address yet
    const id = link.registerHost(other, ["far-away", "local"], ["10.0.0.2"], true);
    link.run(5_000);
    expect(newsOf(one, "found").at(-1)).toMatchObject({
      isOwn: true,
      service: { addresses: ["10.0.0.2"] },
    });
    expect(newsOf(other, "found").at(-1)).toMatchObject({ isOwn: false });
    // Taken over: one address record changes, and nothing vanishes.
    other.isCut = true;
    link.registerHost(one, ["far-away", "local"], ["10.0.0.1"], true);
    link.run(5_000);
    expect(newsOf(one, "found").at(-1)).toMatchObject({ service: { addresses: ["10.0.0.1"] } });
    expect(newsOf(one, "gone")).toEqual([]);
    expect(id).toBeGreaterThan(0);
  });
});

describe("the cache", () => {
  it("row 11, §10.1: holds what was said goodbye to for a second, in which it may be rescued", () => {
    const { link, host } = browsing();
    link.answer(announcementOf("Web"));
    link.answer([pointer("Web", 0)]);
    link.run(500);
    link.answer([pointer("Web")]);
    link.run(5_000);
    expect(newsOf(host, "gone")).toEqual([]);
    const leftMs = link.nowMs;
    link.answer([pointer("Web", 0)]);
    link.run(5_000);
    expect(
      host.news.filter(({ action }) => action.type === "gone").map(({ atMs }) => atMs),
    ).toEqual([leftMs + 1_000]);
  });

  it("row 12, §10.2: drops what a flush replaces after a second, and keeps what came with it", () => {
    const { link, host } = browsing();
    link.answer(announcementOf("Web"));
    link.run(2_000);
    link.answer([addressOf("far-away", "10.0.0.202"), addressOf("far-away", "10.0.0.203")]);
    expect(found(host).at(-1)!.addresses.toSorted()).toEqual(["10.0.0.202", "10.0.0.203"]);
    link.answer([txt("Web", "path=/new")]);
    expect(found(host).at(-1)).toMatchObject({ txt: [utf8("path=/new")] });
    link.run(5_000);
    expect(found(host).at(-1)!.addresses).toHaveLength(2);
    expect(newsOf(host, "gone")).toEqual([]);
  });

  it("row 12, §10.2: keeps what was heard less than a second before a flush: two hosts, one name", () => {
    const { link, host } = browsing();
    link.answer(announcementOf("Web"));
    link.run(500);
    link.answer([addressOf("far-away", "10.0.0.202")]);
    link.run(1_500);
    expect(found(host).at(-1)!.addresses.toSorted()).toEqual(["10.0.0.201", "10.0.0.202"]);
  });

  it("row 31, §5.2: asks again at 80, 85, 90 and 95 % of a life, then lets go", () => {
    const { link, host } = browsing();
    link.answer(announcementOf("Web"));
    const heardMs = link.nowMs;
    link.run(125_000);
    const shares = link
      .since(heardMs)
      .filter(({ message }) => message.questions.some(({ code }) => code === 33))
      .map(({ atMs }) => (atMs - heardMs) / 120_000);
    // Refreshes within two seconds of each other go together.
    for (const [i, share] of [0.8, 0.85, 0.9, 0.95].entries()) {
      expect(shares[i]!).toBeGreaterThanOrEqual(share - 0.017);
      expect(shares[i]!).toBeLessThanOrEqual(share + 0.021);
    }
    const [gone] = host.news.filter(({ action }) => action.type === "gone");
    expect(gone!.atMs - heardMs).toBe(120_000);
  });

  it("row 31, §5.2: asks once after a sleep in which several refreshes were due", () => {
    const { link, host } = browsing();
    link.answer(announcementOf("Web").map((record) => ({ ...record, ttlS: 10 })));
    link.run(3_000);
    const sleptMs = link.nowMs;
    link.nowMs += 6_450;
    link.feed(host, { type: "tick" });
    expect(host.machine.wakeAtMs).toBeGreaterThan(link.nowMs);
    const questions = asked(link.since(sleptMs)).filter((one) => one === "33 Web");
    expect(questions).toHaveLength(1);
  });

  it("row 31, §5.2: keeps what answers, for hours, with a few packets a minute", () => {
    const link = new FakeLink();
    const [server, client] = [link.add(), link.add()];
    for (let i = 0; i < 50; i++) link.register(server, serviceOf({ instance: `Web ${i}` }));
    link.feed(client, { type: "browse", serviceType: "_http._tcp" });
    link.run(10_000);
    expect(shownBy(client)).toHaveLength(50);
    const fromMs = link.nowMs;
    link.run(3_600_000);
    expect(newsOf(client, "gone")).toEqual([]);
    expect(link.since(fromMs).length / 3600).toBeLessThan(0.2);
  });

  it("is quiet with 100 services that three hosts register alike and five browse", () => {
    const link = new FakeLink();
    const hosts = Array.from({ length: 5 }, () => link.add());
    for (const [i, host] of hosts.entries()) {
      link.feed(host, { type: "browse", serviceType: "_http._tcp" });
      if (i >= 3) continue;
      for (let n = 0; n < 100; n++) {
        const service = serviceOf({
          instance: `Web ${n}`,
          host: [`cw-abcdefgh-${n % 4}`, "local"],
          addresses: [],
        });
        link.register(host, service, { isShared: true });
      }
      for (let slot = i; slot < 4; slot += 3)
        link.registerHost(host, [`cw-abcdefgh-${slot}`, "local"], [host.address]);
    }
    link.run(60_000);
    for (const host of hosts) expect(shownBy(host)).toHaveLength(100);
    const fromMs = link.nowMs;
    link.run(1_800_000);
    for (const host of hosts) {
      expect(newsOf(host, "gone")).toEqual([]);
      expect(link.since(fromMs, host).length / 1800).toBeLessThan(0.1);
    }
    expect(hosts.flatMap((host) => newsOf(host, "renamed"))).toEqual([]);
  });

  it("row 31: asks for nothing, and keeps nothing, once nobody browses", () => {
    const { link, host } = browsing();
    link.answer(announcementOf("Web"));
    expect(host.machine.stats).toMatchObject({ cached: 4, instances: 1 });
    link.feed(host, { type: "unbrowse", serviceType: "_http._tcp" });
    expect(host.machine.stats).toMatchObject({ cached: 0, instances: 0 });
    const fromMs = link.nowMs;
    link.run(3_600_000);
    expect(link.since(fromMs)).toEqual([]);
    link.answer(announcementOf("Web"));
    expect(host.machine.stats.cached).toBe(0);
  });

  it("row 6, §10.2: on another link asks anew, and forgets who is not heard there", () => {
    const { link, host } = browsing();
    link.answer(announcementOf("Web"));
    link.answer(announcementOf("B", "b", "10.0.0.202"), { from: "10.0.0.202" });
    const changedMs = link.nowMs;
    link.feed(host, { type: "link-changed", link: linkOf(host.address) });
    link.run(150);
    expect(link.since(changedMs)[0]!.message).toMatchObject({ answers: [] });
    link.answer(announcementOf("B", "b", "10.0.0.202"), { from: "10.0.0.202" });
    link.run(10_000);
    expect(shownBy(host)).toEqual(["B"]);
    link.feed(host, { type: "link-changed", link: linkOf("192.168.7.1") });
    link.run(1);
    expect(shownBy(host)).toEqual([]);
  });

  it("names count whatever the case of their letters (§16), and are shown as first heard", () => {
    const { link, host } = browsing();
    link.answer(announcementOf("Drucker"));
    link.answer(announcementOf("DRUCKER"));
    expect(shownBy(host)).toEqual(["Drucker"]);
  });
});

describe("two hosts", () => {
  const label = fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
    .map((text) => text.normalize("NFC"))
    .filter(isInstanceLabel);
  const service = fc.record({
    instance: label,
    type: fc.constantFrom("_http._tcp", "_http._udp"),
    subtypes: fc.constant<string[]>([]),
    host: fc.constantFrom(["a", "local"], ["b.c", "local"]),
    port: fc.integer({ min: 1, max: 65_535 }),
    txt: fc.array(fc.uint8Array({ minLength: 1, maxLength: 255 }), { maxLength: 6 }),
    addresses: fc.constantFrom(["203.0.113.7"], ["2001:db8::7"], ["203.0.113.8", "fd00::8"]),
  });

  it("show each other every name and TXT byte for byte, and take it back", () => {
    fc.assert(
      fc.property(service, (given) => {
        const link = new FakeLink();
        const [server, client] = [link.add(), link.add()];
        link.feed(client, { type: "browse", serviceType: given.type });
        const id = link.register(server, given);
        link.run(3_000);
        expect(newsOf(client, "found").at(-1)?.service).toEqual(given);
        link.feed(server, { type: "withdraw", id });
        link.run(1_100);
        expect(shownBy(client)).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it("agree in the end on what is there, whatever was registered and withdrawn, in whatever order", () => {
    const step = fc.record({
      host: fc.nat(2),
      name: fc.nat(4),
      isWithdrawn: fc.boolean(),
      waitMs: fc.nat(2_500),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const link = new FakeLink();
        const hosts = [link.add(), link.add(), link.add()];
        for (const host of hosts) link.feed(host, { type: "browse", serviceType: "_http._tcp" });
        const there: { host: Host; id: number }[] = [];
        for (const { host, name, isWithdrawn, waitMs } of steps) {
          if (isWithdrawn && there.length > 0) {
            const { host: owner, id } = there.splice(name % there.length, 1)[0]!;
            link.feed(owner, { type: "withdraw", id });
          } else {
            const given = serviceOf({
              instance: `S${name}`,
              host: [`h${host}`, "local"],
              addresses: [`10.0.0.${host + 1}`],
            });
            const numbered = Array.from({ length: 40 }, (_, i) => `S${name} (${i + 2})`);
            const id = link.register(hosts[host]!, given, { candidates: numbered });
            there.push({ host: hosts[host]!, id });
          }
          link.run(waitMs);
        }
        link.run(60_000);
        const shown = hosts.map(shownBy);
        expect(shown[0]).toHaveLength(there.length);
        expect(shown[1]).toEqual(shown[0]);
        expect(shown[2]).toEqual(shown[0]);
        expect(new Set(shown[0]).size).toBe(there.length);
      }),
      { numRuns: 40 },
    );
  });
});
