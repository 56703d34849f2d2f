/** Whoever is on the link can send anything: bounded memory, bounded work, nothing else disturbed. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EMPTY_MESSAGE, encodeMessage } from "../../../platform/dns/message.ts";
import { RECORDS_MAX, RECORDS_PER_SOURCE_MAX } from "../../../bridge/mdns/record-cache.ts";
import {
  FakeLink,
  HTTP,
  type Host,
  announcementOf,
  namesOf,
  newsOf,
  pointer,
  question,
  serviceOf,
  shownBy,
  srv,
  txt,
} from "./fake-link.ts";

function busyHost(): { link: FakeLink; host: Host } {
  const link = new FakeLink();
  const host = link.add();
  link.register(host, serviceOf());
  link.feed(host, { type: "browse", serviceType: "_http._tcp" });
  link.run(5_000);
  return { link, host };
}

function announcement(instance: string, address = "10.0.0.201"): Uint8Array {
  const answers = announcementOf(instance, "far", address);
  return encodeMessage({ ...EMPTY_MESSAGE, isResponse: true, answers });
}

describe("a flood", () => {
  it("of 10,000 announcements a second from one source costs little, and hides nobody else", () => {
    const { link, host } = busyHost();
    const packets = Array.from({ length: 20_000 }, (_, i) => announcement(`Flood ${i}`));
    const startedMs = performance.now();
    for (const [i, bytes] of packets.entries()) {
      link.inject(bytes);
      if (i % 100 === 99) link.run(10);
      if (i % 1_000 === 0) link.answer(announcementOf("Honest", "honest"), { from: "10.0.0.7" });
    }
    const tookMs = performance.now() - startedMs;
    // Two seconds of flood, and a bound for machines that are busy otherwise: 0.3 s on an idle one.
    expect(tookMs).toBeLessThan(5_000);
    expect(shownBy(host)).toContain("Honest");
    const { cached, limited, instances, sent } = host.machine.stats;
    expect(cached).toBeLessThanOrEqual(RECORDS_PER_SOURCE_MAX + 8);
    expect(instances).toBeLessThanOrEqual(1_200);
    expect(limited).toBeGreaterThan(18_000);
    expect(sent).toBeLessThan(500);
    link.run(1_000);
    const [answer] = [link.nowMs].map((fromMs) => {
      link.ask([question(["Web", ...HTTP], "srv")], {}, { from: "10.0.0.8" });
      link.run(1_000);
      return link.since(fromMs)[0];
    });
    expect(namesOf(answer!.message.answers)).toEqual(["srv Web"]);
  });

  it("from 250 sources fills the cache and no more, at the cost of those who sent most", () => {
    const { link, host } = busyHost();
    link.answer(announcementOf("Honest", "honest"), { from: "10.0.0.250" });
    for (let i = 0; i < 40_000; i++) {
      const answers = Array.from({ length: 20 }, (_, n) => pointer(`Flood ${i} ${n}`));
      link.answer(answers, { from: `10.0.0.${1 + (i % 249)}` });
      if (i % 50 === 49) link.run(100);
      if (host.machine.stats.refused > 5_000) break;
    }
    expect(host.machine.stats.refused).toBeGreaterThan(5_000);
    expect(host.machine.stats.cached).toBeLessThanOrEqual(RECORDS_MAX);
    expect(shownBy(host)).toEqual(["Honest", "Web"]);
  });

  it("of pointers to nothing has it ask no faster than its rate", () => {
    const { link, host } = busyHost();
    const fromMs = link.nowMs;
    for (let i = 0; i < 400; i++) {
      link.answer(Array.from({ length: 5 }, (_, n) => pointer(`Void ${i} ${n}`)));
      link.run(25);
    }
    link.run(10_000);
    const sent = link.since(fromMs);
    const questions = sent.flatMap(({ message }) => message.questions);
    expect(questions.length).toBeLessThanOrEqual(200 + 20 * 50 + 50);
    expect(host.machine.stats.instances).toBeLessThanOrEqual(RECORDS_PER_SOURCE_MAX + 1);
  });

  it("of conflicts costs a name that is defended, not the host: 15, then one in five seconds", () => {
    const { link, host } = busyHost();
    const fromMs = link.nowMs;
    for (let i = 0; i < 2_000; i++) {
      link.answer([srv("Web", "elsewhere", i)]);
      link.run(10);
    }
    expect(link.since(fromMs).length).toBeLessThan(200);
    link.run(20_000);
    expect(newsOf(host, "refused")).toEqual([]);
    const askedMs = link.nowMs;
    const { to } = newsOf(host, "renamed").at(-1)!;
    link.ask([question([to.instance, ...HTTP], "srv")]);
    link.run(1_000);
    expect(link.since(askedMs)).toHaveLength(1);
  });

  it("of goodbyes to its records has it answer four times a second", () => {
    const { link } = busyHost();
    const fromMs = link.nowMs;
    for (let i = 0; i < 1_000; i++) {
      link.answer([pointer("Web", 0), srv("Web", "far-away", 80, 0)]);
      link.run(10);
    }
    expect(link.since(fromMs).length).toBeLessThanOrEqual(42);
  });

  it("of truncated questions waits for none longer than it should, and keeps few", () => {
    const { link } = busyHost();
    const fromMs = link.nowMs;
    for (let i = 0; i < 3_000; i++) {
      const from = `10.0.0.${1 + (i % 250)}`;
      link.ask([question(HTTP, "ptr", i % 2 === 0)], { isTruncated: true }, { from });
      link.run(1);
    }
    link.run(1_000);
    expect(link.since(fromMs).length).toBeGreaterThan(0);
    expect(link.since(fromMs).filter(({ to }) => to === null).length).toBeLessThanOrEqual(6);
  });
});

it("subtypes of one service that come and go are not remembered", () => {
  const { link, host } = busyHost();
  link.answer(announcementOf("Far", "far"));
  for (let i = 0; i < 500; i++) {
    const target = ["Far", ...HTTP];
    const name = [`_s${i}`, "_sub", ...HTTP];
    link.answer([{ name, ttlS: 1, isFlush: false, type: "ptr", target }]);
    link.run(100);
  }
  link.run(5_000);
  expect(shownBy(host)).toContain("Far");
  expect(host.machine.stats.subtypes).toBe(0);
});

describe("a packet", () => {
  it("with compression loops, forward pointers or over-long names is malformed, and nothing more", () => {
    const { link, host } = busyHost();
    const header = "000084000000000100000000";
    const body = "000c0001000011940002c00c";
    const loops = ["c00c", "c00d", "c0ff", "01610161c00c", `3f${"61".repeat(63)}`.repeat(5) + "00"];
    for (const name of loops)
      link.inject(new Uint8Array(Buffer.from(`${header}${name}${body}`, "hex")));
    expect(host.machine.stats.malformed).toBe(loops.length);
  });

  it("that points to a long name 500 times is not read to its end", () => {
    const { link, host } = busyHost();
    const long = Array.from({ length: 60 }, (_, i) => `l${i % 10}`);
    const answers = Array.from(
      { length: 500 },
      () => ({ ...pointer("x"), type: "ptr", target: long, name: long }) as const,
    );
    link.answer(answers.slice(0, 60));
    expect(host.machine.stats.malformed).toBe(0);
    link.answer(answers);
    expect(host.machine.stats.malformed).toBe(1);
  });

  it("of 9 kB of TXT is taken once, and counts for as many frames as it is", () => {
    const { link, host } = busyHost();
    const strings = Array.from({ length: 34 }, () => new Uint8Array(250));
    for (let i = 0; i < 2_000; i++)
      link.answer([pointer("Big"), srv("Big", "far"), { ...txt("Big"), type: "txt", strings }]);
    expect(host.machine.stats.limited).toBeGreaterThan(1_800);
    link.answer(announcementOf("Big", "far"), { from: "10.0.0.9" });
    expect(shownBy(host)).toContain("Big");
    link.inject(new Uint8Array(9_001), { from: "10.0.0.10" });
    expect(host.machine.stats.malformed).toBe(1);
  });

  it("that speaks of other names of ours as of its own makes no service of them", () => {
    const { link, host } = busyHost();
    link.answer([{ ...pointer("x"), type: "ptr", target: ["Web", "_ipp", "_tcp", "local"] }]);
    link.answer([{ ...pointer("x"), type: "ptr", target: ["local"] }]);
    link.answer([{ ...pointer("x"), type: "ptr", target: [] }]);
    expect(host.machine.stats).toMatchObject({ cached: 0, instances: 1 });
  });

  it("of any bytes throws nothing, leaves no NaN, and never stops the tick", () => {
    const { link, host } = busyHost();
    const seeds = link.sent.map(({ bytes }) => bytes);
    fc.assert(
      fc.property(
        fc.nat(seeds.length - 1),
        fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 5 }),
        fc.boolean(),
        (which, changes, isLegacy) => {
          const bytes = seeds[which]!.slice();
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          link.inject(bytes, { port: isLegacy ? 4_000 : 5_353 });
          link.run(20);
          expect(host.machine.wakeAtMs).toBeGreaterThan(link.nowMs);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
