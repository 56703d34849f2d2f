import { describe, expect, it } from "vitest";
import {
  ITEMS_MAX,
  decodeMessage,
  encodeMessage,
  EMPTY_MESSAGE,
} from "../../../platform/dns/message.ts";
import { encodeAnnouncement, instanceName } from "../../../overlay/link/announcement.ts";
import { PEERS_MAX } from "../../../overlay/link/peer-table.ts";
import type { LinkAction } from "../../../overlay/link/types.ts";
import { FakeLink, announcementOf, labelOf, linkOf, tagOf } from "./fake-link.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function tagsOf(host: { machine: { peers(): { hostTag: string }[] } }): string[] {
  return host.machine
    .peers()
    .map(({ hostTag }) => hostTag)
    .toSorted();
}

function announcementBytes(index: number, address: string, ttlS?: number): Uint8Array {
  const { ptr, srv, txt, addresses } = encodeAnnouncement({
    ...announcementOf(index),
    addresses: [address],
  });
  const answers = [ptr, srv, txt, ...addresses].map((r) => ({ ...r, ttlS: ttlS ?? r.ttlS }));
  return encodeMessage({ ...EMPTY_MESSAGE, isResponse: true, answers });
}

describe("finding each other", () => {
  it("finds every host of the link within 200 ms of its own start", () => {
    const link = new FakeLink();
    for (let i = 0; i < 12; i++) link.add();
    link.run(10_000);
    const startedAtMs = link.nowMs;
    const newcomer = link.add(null);
    link.run(200);
    expect(tagsOf(newcomer)).toEqual(Array.from({ length: 12 }, (_, i) => tagOf(i)).toSorted());
    expect(link.timesOf(newcomer, "peer-found")[0]! - startedAtMs).toBeLessThan(60);
  });

  it("reports what a peer announces and where to dial it", () => {
    const link = new FakeLink();
    const [a] = [link.add(), link.add()];
    link.run(200);
    expect(a.machine.peers()).toEqual([
      {
        hostTag: tagOf(1),
        announcement: { ...announcementOf(1), addresses: ["10.0.0.2"] },
        addresses: ["10.0.0.2"],
      },
    ]);
  });

  it("stays unseen while it only listens", () => {
    const link = new FakeLink();
    const [a] = [link.add(), link.add(null)];
    link.run(HOUR);
    expect(a.machine.peers()).toEqual([]);
  });

  it("lets twelve hosts that start together find each other in 300 ms", () => {
    const link = new FakeLink();
    for (let i = 0; i < 12; i++) {
      link.add();
      link.run(7);
    }
    link.run(300);
    for (const host of link.hosts) expect(tagsOf(host)).toHaveLength(11);
  });

  it("finds hosts that lost every announcement by asking again", () => {
    const link = new FakeLink();
    link.isLost = () => link.nowMs < 3500;
    const [a, b] = [link.add(), link.add()];
    link.run(3500);
    expect(tagsOf(a)).toEqual([]);
    link.run(2000);
    expect([tagsOf(a), tagsOf(b)]).toEqual([[tagOf(1)], [tagOf(0)]]);
  });

  it("announces a change twice, a second apart, and others see it at once", () => {
    const link = new FakeLink();
    const [a, b] = [link.add(), link.add()];
    link.run(MINUTE);
    link.sent.length = 0;
    const changedAtMs = link.nowMs;
    const announcement = announcementOf(1, { subnetTag: "merged", generation: 2 });
    link.feed(b, { type: "announce", announcement });
    link.run(5000);
    expect(a.machine.peers()[0]?.announcement.subnetTag).toBe("merged");
    expect(link.timesOf(a, "peer-changed").at(-1)! - changedAtMs).toBeLessThan(30);
    const times = link.sent.filter(({ message }) => message.isResponse).map(({ atMs }) => atMs);
    expect(times).toHaveLength(2);
    expect(times[1]! - times[0]!).toBeCloseTo(1000, 0);
  });

  it("announces no more than ten updates a minute, and the last one wins", () => {
    const link = new FakeLink();
    const [a, b] = [link.add(), link.add()];
    link.run(MINUTE);
    link.sent.length = 0;
    for (let i = 0; i < 600; i++) {
      link.feed(b, { type: "announce", announcement: announcementOf(1, { generation: i }) });
      link.run(100);
    }
    expect(link.sent.length).toBeLessThan(40);
    link.run(20_000);
    expect(a.machine.peers()[0]?.announcement.generation).toBe(599);
  });
});

describe("losing each other", () => {
  it("drops a peer one second after its goodbye", () => {
    const link = new FakeLink();
    const [a, b] = [link.add(), link.add()];
    link.run(5000);
    link.feed(b, { type: "stop" });
    b.isCut = true;
    link.run(1100);
    expect(tagsOf(a)).toEqual([]);
    expect(a.actions.at(-1)?.action).toMatchObject({ type: "peer-gone", reason: "goodbye" });
  });

  it("rescues a host that somebody else says goodbye for", () => {
    const link = new FakeLink();
    const [a] = [link.add(), link.add()];
    link.run(5000);
    link.inject(announcementBytes(1, "10.0.0.2", 0), "10.0.0.99");
    link.run(2000);
    expect(tagsOf(a)).toEqual([tagOf(1)]);
    expect(link.timesOf(a, "peer-gone")).toEqual([]);
  });

  it("keeps live hosts for hours, and asks a silent one four times before it expires", () => {
    const link = new FakeLink();
    const [a, b] = [link.add(), link.add()];
    link.run(2 * HOUR);
    expect(tagsOf(a)).toEqual([tagOf(1)]);
    expect(link.timesOf(a, "peer-gone")).toEqual([]);
    b.isCut = true;
    link.sent.length = 0;
    link.run(130_000);
    expect(a.actions.at(-1)?.action).toMatchObject({ type: "peer-gone", reason: "expired" });
    expect(link.sent.filter(({ message }) => message.questions.length === 2)).toHaveLength(4);
  });

  it("does not ask for a peer that is confirmed alive", () => {
    const link = new FakeLink();
    const [a, b] = [link.add(), link.add()];
    link.run(MINUTE);
    link.sent.length = 0;
    for (let i = 0; i < 60; i++) {
      link.feed(a, { type: "confirm", hostTag: tagOf(1) });
      link.feed(b, { type: "confirm", hostTag: tagOf(0) });
      link.run(MINUTE);
    }
    expect(tagsOf(a)).toEqual([tagOf(1)]);
    expect(link.sent.filter(({ message }) => message.questions.length === 2)).toHaveLength(0);
  });

  it("forgets the peers of a link it left and finds those of the new one", () => {
    const link = new FakeLink();
    const [a] = [link.add(), link.add()];
    link.run(5000);
    link.feed(a, { type: "link-changed", link: linkOf("192.168.1.5") });
    expect(a.actions.at(-1)?.action).toMatchObject({ type: "peer-gone", reason: "link-changed" });
    link.run(5000);
    expect(tagsOf(a)).toEqual([]);
    link.feed(a, { type: "link-changed", link: linkOf(a.address) });
    link.run(200);
    expect(tagsOf(a)).toEqual([tagOf(1)]);
  });

  it("hushed, announces nothing any more and says no goodbye", () => {
    const link = new FakeLink();
    const [a, b] = [link.add(), link.add()];
    link.run(5000);
    link.sent.length = 0;
    link.feed(a, { type: "hush" });
    link.feed(b, { type: "link-changed", link: linkOf(b.address) }); // asks anew
    link.run(5000);
    expect(link.sent.filter(({ host, message }) => host === 0 && message.isResponse)).toEqual([]);
    expect(tagsOf(b)).toEqual([tagOf(0)]);
  });

  it("on another link with the same prefix forgets whom it heard before the hush", () => {
    const link = new FakeLink();
    const [a, b] = [link.add(), link.add()];
    link.run(5000);
    b.isCut = true;
    link.feed(a, { type: "hush" });
    link.add();
    link.run(1000);
    link.feed(a, { type: "renew" });
    expect(tagsOf(a)).toEqual([tagOf(2)]);
  });

  it("says goodbye to a former tag", () => {
    const link = new FakeLink();
    const [a, b] = [link.add(), link.add()];
    link.run(5000);
    const announcement = announcementOf(1, { hostTag: tagOf(77) });
    link.feed(b, { type: "announce", announcement });
    link.run(1100);
    expect(tagsOf(a)).toEqual([tagOf(77)]);
  });
});

describe("quiet", () => {
  it("does not answer what the asker knows", () => {
    const link = new FakeLink();
    const [, b] = [link.add(), link.add()];
    link.run(500);
    link.sent.length = 0;
    link.feed(b, { type: "link-changed", link: linkOf(b.address) });
    link.run(200);
    const queries = link.sent.filter(({ message }) => !message.isResponse);
    expect(queries).toHaveLength(1);
    expect(queries[0]!.message.answers).toHaveLength(1);
    // b's own announcement is the only response.
    const responses = link.sent.filter(({ message }) => message.isResponse);
    expect(responses.every(({ host }) => host === 1)).toBe(true);
  });

  for (const count of [12, 40])
    it(`sends next to nothing with ${count} idle hosts`, () => {
      const link = new FakeLink();
      for (let i = 0; i < count; i++) {
        link.add();
        link.run(50);
      }
      link.run(2 * MINUTE);
      for (const host of link.hosts) expect(tagsOf(host)).toHaveLength(count - 1);
      link.sent.length = 0;
      link.run(5 * MINUTE);
      const perSecond = link.sent.length / 300;
      const most = Math.max(
        ...link.hosts.map(({ index }) => link.sent.filter(({ host }) => host === index).length),
      );
      expect(perSecond / count).toBeLessThan(0.03);
      expect(most / 300).toBeLessThan(0.1);
      for (const host of link.hosts) expect(tagsOf(host)).toHaveLength(count - 1);
    });

  it("bears a flood of questions with one answer a second after a burst", () => {
    const link = new FakeLink();
    link.add();
    link.run(10_000);
    link.sent.length = 0;
    const question = link.hosts[0]!;
    const bytes = encodeMessage({
      ...EMPTY_MESSAGE,
      questions: [{ name: instanceName(tagOf(0)), code: 255, class: 1, isUnicast: false }],
    });
    for (let i = 0; i < 2000; i++) {
      link.feed(question, { type: "packet", bytes, from: "10.0.0.9", port: 5353 });
      link.run(5);
    }
    expect(link.sent.length).toBeGreaterThan(8);
    expect(link.sent.length).toBeLessThanOrEqual(20);
  });

  it("answers plain DNS clients alone, briefly and with their id", () => {
    const link = new FakeLink();
    link.add();
    link.run(10_000);
    link.sent.length = 0;
    const questions = [{ name: instanceName(tagOf(0)), code: 33, class: 1, isUnicast: false }];
    const bytes = encodeMessage({ ...EMPTY_MESSAGE, id: 77, questions });
    link.inject(bytes, "10.0.0.9", 40_000);
    expect(link.sent).toHaveLength(1);
    const [{ message, to }] = link.sent as [(typeof link.sent)[0]];
    expect(to).toEqual({ address: "10.0.0.9", port: 40_000 });
    expect(message).toMatchObject({ id: 77, questions, isResponse: true });
    const records = [...message.answers, ...message.additionals];
    expect(records.every(({ ttlS, isFlush }) => ttlS <= 10 && !isFlush)).toBe(true);
  });
});

describe("key questions", () => {
  function asked(actions: { action: LinkAction }[], id: number): LinkAction | undefined {
    return actions.map(({ action }) => action).find((a) => a.type === "asked" && a.id === id);
  }

  it("hears the holder within 40 ms", () => {
    const link = new FakeLink();
    for (let i = 0; i < 5; i++) link.add();
    link.run(5000);
    link.hosts[3]!.holds.add(labelOf(1));
    const askedAtMs = link.nowMs;
    link.feed(link.hosts[0]!, { type: "ask", id: 7, label: labelOf(1), timeoutMs: 250 });
    link.run(300);
    expect(asked(link.hosts[0]!.actions, 7)).toMatchObject({ hostTags: [tagOf(3)] });
    expect(link.timesOf(link.hosts[0]!, "asked")[0]! - askedAtMs).toBeLessThan(40);
  });

  it("hears all of several holders, since each may hold other records", () => {
    const link = new FakeLink();
    for (let i = 0; i < 5; i++) link.add();
    for (const i of [1, 2, 4]) link.hosts[i]!.holds.add(labelOf(1));
    link.run(5000);
    link.feed(link.hosts[0]!, { type: "ask", id: 1, label: labelOf(1), timeoutMs: 250 });
    link.run(300);
    const end = asked(link.hosts[0]!.actions, 1);
    expect(end?.type === "asked" && end.hostTags.toSorted()).toEqual([1, 2, 4].map(tagOf));
  });

  it("asks twice and gives up after its timeout when nobody holds it", () => {
    const link = new FakeLink();
    const [a] = [link.add(), link.add()];
    link.run(5000);
    link.sent.length = 0;
    const askedAtMs = link.nowMs;
    link.feed(a, { type: "ask", id: 1, label: labelOf(1), timeoutMs: 250 });
    link.run(1000);
    expect(asked(a.actions, 1)).toMatchObject({ hostTags: [], isLimited: false });
    expect(link.timesOf(a, "asked")).toEqual([askedAtMs + 250]);
    expect(link.sent.map(({ atMs }) => atMs - askedAtMs)).toEqual([0, 80]);
  });

  it("survives the loss of its first question", () => {
    const link = new FakeLink();
    const [a, b] = [link.add(), link.add()];
    b.holds.add(labelOf(1));
    link.run(5000);
    const askedAtMs = link.nowMs;
    link.isLost = (from) => from === a && link.nowMs < askedAtMs + 10;
    link.feed(a, { type: "ask", id: 1, label: labelOf(1), timeoutMs: 250 });
    link.run(300);
    expect(asked(a.actions, 1)).toMatchObject({ hostTags: [tagOf(1)] });
  });

  it("sends one question for two callers", () => {
    const link = new FakeLink();
    const [a, b] = [link.add(), link.add()];
    b.holds.add(labelOf(1));
    link.run(5000);
    link.sent.length = 0;
    for (const id of [1, 2]) link.feed(a, { type: "ask", id, label: labelOf(1), timeoutMs: 250 });
    link.run(300);
    for (const id of [1, 2]) expect(asked(a.actions, id)).toMatchObject({ hostTags: [tagOf(1)] });
    expect(link.sent.filter(({ message }) => !message.isResponse)).toHaveLength(1);
  });

  it("refuses at once what goes beyond 40 in a burst and 20 a second", () => {
    const link = new FakeLink();
    const a = link.add();
    link.run(5000);
    link.sent.length = 0;
    for (let i = 0; i < 60; i++)
      link.feed(a, { type: "ask", id: i, label: labelOf(i), timeoutMs: 50 });
    expect(link.sent).toHaveLength(40);
    expect(a.actions.filter(({ action }) => action.type === "asked")).toHaveLength(20);
    expect(a.machine.counters.asksLimited).toBe(20);
    link.run(1000);
    for (let i = 0; i < 60; i++)
      link.feed(a, { type: "ask", id: 100 + i, label: labelOf(i), timeoutMs: 50 });
    expect(link.sent).toHaveLength(60);
  });

  it("looks at no more than 80 questions of one flooding source at once", () => {
    const link = new FakeLink();
    const a = link.add();
    link.run(5000);
    for (let i = 0; i < 1000; i++) {
      const name = [labelOf(i), "_key", "_causeway", "_tcp", "local"];
      const questions = [{ name, code: 16, class: 1, isUnicast: false }];
      link.inject(encodeMessage({ ...EMPTY_MESSAGE, questions }), "10.0.0.66");
    }
    expect(link.timesOf(a, "question-heard")).toHaveLength(80);
    expect(a.machine.counters.questionsLimited).toBe(920);
  });

  it("answers a question once, and none that it was not asked", () => {
    const link = new FakeLink();
    const [a, b] = [link.add(), link.add()];
    link.run(5000);
    link.feed(a, { type: "ask", id: 1, label: labelOf(1), timeoutMs: 250 });
    link.run(5);
    link.sent.length = 0;
    for (let i = 0; i < 3; i++) link.feed(b, { type: "hold", label: labelOf(1) });
    link.feed(b, { type: "hold", label: labelOf(2) });
    expect(link.sent).toHaveLength(1);
  });

  it("ends open asks when it stops", () => {
    const link = new FakeLink();
    const a = link.add();
    link.run(5000);
    link.feed(a, { type: "ask", id: 1, label: labelOf(1), timeoutMs: 250 });
    link.feed(a, { type: "stop" });
    expect(asked(a.actions, 1)).toMatchObject({ hostTags: [] });
    expect(a.machine.wakeAtMs).toBe(Infinity);
  });
});

describe("hostile neighbours", () => {
  it("refuses sources that are not on the link", () => {
    const link = new FakeLink();
    const a = link.add();
    link.inject(announcementBytes(1, "192.168.7.7"), "192.168.7.7");
    link.inject(announcementBytes(1, "192.168.7.7"), "fe80::1%eth9");
    expect(tagsOf(a)).toEqual([]);
    expect(a.machine.counters.offLink).toBe(2);
  });

  it("takes link-local sources of its own interface", () => {
    const link = new FakeLink();
    const a = link.add();
    link.inject(announcementBytes(1, "fe80::7"), "fe80::7%eth0");
    expect(a.machine.peers()[0]?.addresses).toEqual(["fe80::7%eth0"]);
  });

  it("does not pass on announced addresses that are off the link", () => {
    const link = new FakeLink();
    const a = link.add();
    link.inject(announcementBytes(1, "8.8.8.8"), "10.0.0.2");
    expect(a.machine.peers()[0]?.addresses).toEqual(["10.0.0.2"]);
    expect(a.machine.peers()[0]?.announcement.addresses).toEqual([]);
  });

  it("keeps 256 peers at most, 16 of one source, and the confirmed ones", () => {
    const link = new FakeLink();
    const [a, b] = [link.add(), link.add()];
    link.run(2000);
    b.isCut = true;
    link.feed(a, { type: "confirm", hostTag: tagOf(1) });
    for (let i = 100; i < 1000; i++) {
      link.nowMs += 1;
      link.inject(announcementBytes(i, "10.0.0.2"), `10.0.${i >> 4}.3`);
    }
    expect(a.machine.peers()).toHaveLength(PEERS_MAX);
    expect(tagsOf(a)).toContain(tagOf(1));
    const before = a.machine.counters.evicted;
    for (let i = 0; i < 900; i++) link.inject(announcementBytes(i, "10.0.0.2"), "10.0.0.66");
    expect(a.machine.counters.evicted - before).toBeGreaterThan(500);
  });

  it("asks little even if it is flooded with names to resolve", () => {
    const link = new FakeLink();
    link.add();
    link.run(10_000);
    link.sent.length = 0;
    for (let i = 0; i < 1000; i++) {
      const { ptr } = encodeAnnouncement({ ...announcementOf(i), addresses: [] });
      const bytes = encodeMessage({ ...EMPTY_MESSAGE, isResponse: true, answers: [ptr] });
      link.inject(bytes, `10.0.${i % 200}.3`);
      link.run(10);
    }
    expect(link.sent.length).toBeLessThan(16 + 10 * 4 + 5);
    expect(Math.max(...link.sent.map(({ bytes }) => bytes.length))).toBeLessThan(1400);
  });

  it("ignores and counts malformed packets", () => {
    const link = new FakeLink();
    const a = link.add();
    const loop = Buffer.from(
      "000084000000000100000000c00c000c000100001194000200 00".replace(/ /g, ""),
      "hex",
    );
    const counts = Buffer.from("000084000000ffffffffffff", "hex");
    for (const bytes of [loop, counts, Buffer.alloc(9001), Buffer.alloc(3)])
      link.inject(bytes, "10.0.0.9");
    expect(a.machine.counters.malformed).toBe(4);
    expect(() => decodeMessage(counts)).toThrow(`${65535 * 3} questions and records`);
    expect(ITEMS_MAX).toBe(512);
  });

  it("ignores responses from other ports than 5353", () => {
    const link = new FakeLink();
    const a = link.add();
    link.inject(announcementBytes(1, "10.0.0.2"), "10.0.0.2", 1234);
    expect(tagsOf(a)).toEqual([]);
  });

  it("counts another host with its own tag as a conflict", () => {
    const link = new FakeLink();
    const a = link.add();
    const { srv } = encodeAnnouncement({ ...announcementOf(0, { subnetPort: 9 }), addresses: [] });
    const bytes = encodeMessage({ ...EMPTY_MESSAGE, isResponse: true, answers: [srv] });
    link.inject(bytes, "10.0.0.9");
    expect(a.machine.counters.conflicts).toBe(1);
    expect(tagsOf(a)).toEqual([]);
  });
});
