/** RFC 6762 §8 and §9: names are asked for, fought over, announced, and given up. */
import { describe, expect, it } from "vitest";
import { utf8 } from "../../../platform/bytes.ts";
import type { DnsRecord } from "../../../platform/dns/message.ts";
import {
  FakeLink,
  HTTP,
  type Sent,
  addressOf,
  announcementOf,
  linkOf,
  namesOf,
  newsOf,
  pointer,
  question,
  serviceOf,
  srv,
  txt,
} from "./fake-link.ts";

const ESTABLISHED_MS = 1_100;

function probes(sent: readonly Sent[]): Sent[] {
  return sent.filter(({ message }) => message.authorities.length > 0);
}

function responses(sent: readonly Sent[]): Sent[] {
  return sent.filter(({ message }) => message.isResponse);
}

describe("probing", () => {
  it("row 1, §8.1: asks three times for ANY, 250 ms apart after a random start, with what it would have in Authority", () => {
    const starts = [1, 2, 3, 4, 5].map((seed) => {
      const link = new FakeLink();
      const host = link.add(seed);
      const startMs = link.nowMs;
      link.register(host, serviceOf());
      link.run(ESTABLISHED_MS);
      const sent = probes(link.sent);
      expect(sent).toHaveLength(3);
      const times = sent.map(({ atMs }) => atMs - startMs);
      expect(times[1]! - times[0]!).toBe(250);
      expect(times[2]! - times[1]!).toBe(250);
      const { questions, authorities, answers, isResponse } = sent[0]!.message;
      expect(isResponse).toBe(false);
      expect(answers).toEqual([]);
      expect(questions.map(({ code }) => code)).toEqual([255, 255]);
      expect(questions.map(({ name }) => name[0])).toEqual(["Web", "far-away"]);
      expect(namesOf(authorities)).toEqual(["srv Web", "txt Web", "a far-away"]);
      expect(authorities.every(({ isFlush }) => !isFlush)).toBe(true);
      // Our socket hears no unicast, so none is asked for.
      expect(questions.every(({ isUnicast }) => !isUnicast)).toBe(true);
      expect(newsOf(host, "registered")).toHaveLength(1);
      return times[0]!;
    });
    expect(Math.max(...starts)).toBeLessThan(250);
    expect(new Set(starts).size).toBeGreaterThan(1);
  });

  it("row 1, §8.1: probes for what is registered together in frames, not one by one", () => {
    const link = new FakeLink();
    const host = link.add();
    for (let i = 0; i < 100; i++) link.register(host, serviceOf({ instance: `Web ${i}` }));
    link.run(ESTABLISHED_MS);
    expect(newsOf(host, "registered")).toHaveLength(100);
    expect(probes(link.sent).length).toBeLessThanOrEqual(3 * 8);
    expect(Math.max(...link.sent.map(({ bytes }) => bytes.length))).toBeLessThanOrEqual(1440);
  });

  it("row 2, §8.1: takes any record of the name for a conflict, from the first probe on and not before", () => {
    const link = new FakeLink();
    const host = link.add();
    link.register(host, serviceOf(), { candidates: ["Web (2)"] });
    link.answer([srv("Web", "elsewhere")]); // not asked yet
    link.run(ESTABLISHED_MS);
    expect(newsOf(host, "registered")).toMatchObject([{ instance: "Web" }]);

    const other = new FakeLink();
    const late = other.add();
    other.register(late, serviceOf(), { candidates: ["Web (2)"] });
    other.run(300);
    const hinfo: DnsRecord = {
      name: ["Web", ...HTTP],
      ttlS: 120,
      isFlush: true,
      type: "other",
      code: 13,
      class: 1,
      bytes: utf8("\u0001x\u0001y"),
    };
    other.answer([hinfo]);
    other.run(ESTABLISHED_MS);
    expect(newsOf(late, "registered")).toMatchObject([{ instance: "Web (2)" }]);
  });

  it("row 2, §8.1: tries one candidate after another, and says so when all are taken", () => {
    const link = new FakeLink();
    const host = link.add();
    const taken = link.add();
    for (const instance of ["Web", "Web (site)", "Web (2)"])
      link.register(taken, serviceOf({ instance, host: ["taken", "local"] }));
    link.run(ESTABLISHED_MS);
    link.register(host, serviceOf(), { candidates: ["Web (site)", "Web (2)"] });
    link.register(host, serviceOf(), { candidates: ["Web (site)", "Web (3)"] });
    link.run(5_000);
    expect(newsOf(host, "refused")).toMatchObject([{ name: ["Web (2)", ...HTTP] }]);
    expect(newsOf(host, "registered")).toMatchObject([{ instance: "Web (3)" }]);
    expect(newsOf(taken, "renamed")).toEqual([]);
  });

  it("row 3, §8.2: yields a second to who proposes more, and finds the name taken then", () => {
    const link = new FakeLink();
    const host = link.add();
    link.register(host, serviceOf(), { candidates: ["Web (2)"] });
    link.run(300);
    const more = serviceOf({ port: 81 });
    link.ask([question(["Web", ...HTTP], "any")], { authorities: [srv("Web", "zzz", more.port)] });
    const yieldedMs = link.nowMs;
    link.run(900);
    expect(probes(link.since(yieldedMs))).toEqual([]);
    link.answer([srv("Web", "zzz", 81)]);
    link.run(200);
    link.answer([srv("Web", "zzz", 81)]); // the announcement again, now that it is asked for
    link.run(2_000);
    expect(newsOf(host, "registered")).toMatchObject([{ instance: "Web (2)" }]);
  });

  it("row 3, §8.2: goes on against who proposes less, and against who proposes the same", () => {
    const link = new FakeLink();
    const host = link.add();
    const startMs = link.nowMs;
    link.register(host, serviceOf());
    link.run(300);
    const less = [srv("Web", "zzz", 99), txt("Web", "a")];
    link.ask([question(["Web", ...HTTP], "any")], { authorities: less });
    link.ask([question(["Web", ...HTTP], "any")], {
      authorities: [srv("Web", "far-away"), txt("Web")],
    });
    link.run(ESTABLISHED_MS);
    expect(newsOf(host, "registered")).toHaveLength(1);
    expect(host.news[0]!.atMs - startMs).toBeLessThan(1_000);
  });

  it("row 3, §8.2: of two that want one name at once, exactly one has it, whoever starts first", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const link = new FakeLink();
      const hosts = [link.add(seed), link.add(seed + 100)];
      for (const [i, host] of hosts.entries())
        link.register(host, serviceOf({ port: 80 + i, host: [`host${i}`, "local"] }), {
          candidates: ["Web (2)"],
        });
      link.run(6_000);
      const names = hosts.flatMap((host) => newsOf(host, "registered")).map((r) => r.instance);
      expect(names.toSorted()).toEqual(["Web", "Web (2)"]);
      expect(hosts.flatMap((host) => newsOf(host, "renamed"))).toEqual([]);
    }
  });

  it("row 4, §8.1: after 15 conflicts in ten seconds waits five seconds for each further attempt", () => {
    const link = new FakeLink();
    const host = link.add();
    link.register(host, serviceOf({ instance: "Web 0" }), {
      candidates: Array.from({ length: 40 }, (_, i) => `Web ${i + 1}`),
    });
    const startMs = link.nowMs;
    let answered = 0;
    const times: number[] = [];
    while (link.nowMs < startMs + 40_000) {
      link.run(10);
      for (const { atMs, message } of probes(link.sent).slice(answered)) {
        answered++;
        const [label] = message.questions[0]!.name;
        times.push(atMs);
        link.answer([srv(label!, "elsewhere")]);
      }
    }
    expect(times.length).toBeGreaterThan(15);
    expect(times.length).toBeLessThan(30);
    const waits = times.slice(15).map((time, i) => time - times[i + 14]!);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(5_000);
  });

  it("row 6, §8: probes and announces all anew on another link, host names too", () => {
    const link = new FakeLink();
    const host = link.add();
    link.register(host, serviceOf(), { candidates: ["Web (2)"] });
    link.register(host, serviceOf({ instance: "Web B" }));
    link.registerHost(host, ["lonely", "local"], ["203.0.113.9"]);
    link.run(5_000);
    const changedMs = link.nowMs;
    link.feed(host, { type: "link-changed", link: linkOf(host.address) });
    link.run(300);
    const [probe] = probes(link.since(changedMs));
    expect(new Set(probe!.message.questions.map(({ name }) => name[0]))).toEqual(
      new Set(["Web", "Web B", "far-away", "lonely"]),
    );
    link.answer([srv("Web", "native")]);
    link.run(5_000);
    expect(newsOf(host, "renamed")).toMatchObject([
      { from: { instance: "Web" }, to: { instance: "Web (2)" } },
    ]);
    const announced = responses(link.since(changedMs)).flatMap(({ message }) => message.answers);
    expect(namesOf(announced)).toEqual(expect.arrayContaining(["srv Web B", "a lonely"]));
    expect(namesOf(announced)).not.toContain("srv Web");
    expect(newsOf(host, "registered")).toHaveLength(3);
  });

  it("row 9, §6.6, §8.2: shares its name with whoever has the very same records", () => {
    const link = new FakeLink();
    const hosts = [link.add(), link.add(), link.add()];
    for (const host of hosts.slice(0, 2)) link.register(host, serviceOf());
    link.run(5_000);
    link.register(hosts[2]!, serviceOf());
    link.run(5_000);
    for (const host of hosts) {
      expect(newsOf(host, "registered")).toMatchObject([{ instance: "Web" }]);
      expect(newsOf(host, "renamed")).toEqual([]);
    }
  });

  it("§8.1: announces a take-over at once, without asking", () => {
    const link = new FakeLink();
    const host = link.add();
    link.registerHost(host, ["cw-abcdefgh-1", "local"], ["10.0.0.1"], true);
    expect(probes(link.sent)).toEqual([]);
    expect(link.sent[0]).toMatchObject({ atMs: link.nowMs, message: { isResponse: true } });
    expect(link.sent[0]!.message.answers).toMatchObject([{ isFlush: true, address: "10.0.0.1" }]);
  });
});

describe("announcing", () => {
  it("row 5, §8.3: announces twice, a second apart, and never again", () => {
    const link = new FakeLink();
    const host = link.add();
    link.register(host, serviceOf());
    link.run(ESTABLISHED_MS);
    link.run(2 * 3600 * 1000);
    const announced = responses(link.sent);
    expect(announced).toHaveLength(2);
    expect(announced[1]!.atMs - announced[0]!.atMs).toBe(1_000);
    expect(namesOf(announced[0]!.message.answers).toSorted()).toEqual(
      ["ptr Web", "ptr _http", "srv Web", "txt Web", "a far-away"].toSorted(),
    );
    expect(announced[0]!.message).toMatchObject({ questions: [], authorities: [], id: 0 });
  });

  it("row 7, §8.4: announces other data at once, at most ten times a minute, and takes shared records back first", () => {
    const link = new FakeLink();
    const host = link.add();
    const id = link.register(host, serviceOf({ subtypes: ["_old"] }));
    link.run(5_000);
    const changedMs = link.nowMs;
    for (let i = 0; i < 240; i++) {
      const service = serviceOf({ subtypes: ["_new"], txt: [utf8(`count=${i}`)] });
      link.feed(host, { type: "update", id, service });
      link.run(500);
    }
    const sent = responses(link.since(changedMs));
    expect(sent[0]!.atMs).toBe(changedMs);
    const goodbye = sent.flatMap(({ message }) => message.answers).filter(({ ttlS }) => ttlS === 0);
    expect(goodbye.map(({ name }) => name[0])).toEqual(["_old"]);
    // A change is announced twice; 20 changes in two minutes and the burst before them.
    const firsts = new Set(
      sent.flatMap(({ message }) =>
        message.answers.flatMap((r) =>
          r.type === "txt" ? Buffer.from(r.strings[0]!).toString() : [],
        ),
      ),
    );
    expect(firsts.size).toBeLessThanOrEqual(20 + 6);
    link.run(60_000);
    const last = responses(link.sent)
      .at(-1)!
      .message.answers.find(({ type }) => type === "txt");
    expect(last).toMatchObject({ strings: [utf8("count=239")], isFlush: true });
  });

  it("row 11, §10.1: says goodbye to all that nobody else of ours has", () => {
    const link = new FakeLink();
    const host = link.add();
    const id = link.register(host, serviceOf());
    link.register(host, serviceOf({ instance: "Web B" }));
    link.run(5_000);
    const leftMs = link.nowMs;
    link.feed(host, { type: "withdraw", id });
    const [goodbye] = link.since(leftMs);
    expect(namesOf(goodbye!.message.answers).toSorted()).toEqual(["ptr Web", "srv Web", "txt Web"]);
    expect(goodbye!.message.answers.every(({ ttlS }) => ttlS === 0)).toBe(true);
    link.feed(host, { type: "stop" });
    expect(namesOf(link.sent.at(-1)!.message.answers)).toContain("a far-away");
  });

  it("row 12, §10.2: sets the cache-flush bit on unique records, whole sets at a time, and on no pointer", () => {
    const link = new FakeLink();
    const host = link.add();
    link.register(host, serviceOf({ addresses: ["203.0.113.7", "203.0.113.8", "2001:db8::7"] }));
    link.run(5_000);
    for (const { isFlush, type } of responses(link.sent).flatMap(({ message }) => message.answers))
      expect(isFlush).toBe(type !== "ptr");
    // Knowing one address of two, the asker gets both, or the flush would take the other away.
    const askedMs = link.nowMs;
    const answers = [addressOf("far-away", "203.0.113.7")];
    link.ask([question(["far-away", "local"], "a")], { answers });
    link.run(1_000);
    expect(link.since(askedMs)[0]!.message.answers).toMatchObject([
      { address: "203.0.113.7", isFlush: true },
      { address: "203.0.113.8", isFlush: true },
    ]);
  });

  it("row 12, §10.2: neither flushes nor claims addresses that others share", () => {
    const link = new FakeLink();
    const hosts = [link.add(), link.add()];
    for (const [i, host] of hosts.entries())
      link.register(host, serviceOf({ addresses: [`10.0.0.${i + 1}`] }), { isShared: true });
    link.run(5_000);
    for (const host of hosts) {
      expect(newsOf(host, "registered")).toMatchObject([{ instance: "Web" }]);
      expect(newsOf(host, "renamed")).toEqual([]);
    }
    const addresses = responses(link.sent)
      .flatMap(({ message }) => [...message.answers, ...message.additionals])
      .filter(({ type }) => type === "a");
    expect(addresses.length).toBeGreaterThan(0);
    expect(addresses.every(({ isFlush }) => !isFlush)).toBe(true);
  });

  it("row 13, §10: lets records with a host in them live 120 s, others 75 min", () => {
    const link = new FakeLink();
    const host = link.add();
    link.register(host, serviceOf({ addresses: ["203.0.113.7", "2001:db8::7"] }));
    link.run(5_000);
    for (const { type, ttlS } of responses(link.sent)[0]!.message.answers)
      expect(ttlS).toBe(type === "ptr" || type === "txt" ? 4500 : 120);
  });
});

describe("conflicts after a name was ours", () => {
  it("row 8, §9: asks for the name again, and takes the next one when somebody defends it", () => {
    const link = new FakeLink();
    const host = link.add();
    link.register(host, serviceOf(), { candidates: ["Web (far)"] });
    link.run(5_000);
    const conflictMs = link.nowMs;
    link.answer([srv("Web", "elsewhere")]);
    link.run(300);
    expect(probes(link.since(conflictMs)).length).toBeGreaterThan(0);
    link.answer([srv("Web", "elsewhere")]);
    link.run(5_000);
    expect(newsOf(host, "renamed")).toEqual([
      {
        type: "renamed",
        id: 1,
        from: expect.objectContaining({ instance: "Web" }) as unknown,
        to: expect.objectContaining({ instance: "Web (far)" }) as unknown,
      },
    ]);
    // The pointer to the old name is the other's as well.
    const goodbyes = responses(link.since(conflictMs)).flatMap(({ message }) =>
      message.answers.filter(({ ttlS }) => ttlS === 0),
    );
    expect(goodbyes).toEqual([]);
  });

  it("row 8, §9: keeps the name when nobody defends it", () => {
    const link = new FakeLink();
    const host = link.add();
    link.register(host, serviceOf(), { candidates: ["Web (2)"] });
    link.run(5_000);
    link.answer([srv("Web", "elsewhere")]);
    link.run(5_000);
    expect(newsOf(host, "renamed")).toEqual([]);
    expect(host.machine.stats.conflicts).toBe(1);
    link.ask([question(["Web", ...HTTP], "srv")]);
    link.run(200);
    expect(namesOf(link.sent.at(-1)!.message.answers)).toEqual(["srv Web"]);
  });

  it("row 8, RFC 6763 appendix D: numbers the name when the candidates are used up", () => {
    const link = new FakeLink();
    const host = link.add();
    link.register(host, serviceOf());
    link.run(5_000);
    for (let i = 0; i < 4; i++) {
      link.answer([srv("Web", "elsewhere")]);
      link.run(260);
    }
    link.run(5_000);
    expect(newsOf(host, "renamed")).toMatchObject([{ to: { instance: "Web (2)" } }]);
  });

  it("row 9, §9: takes equal records, and a shared service's other version, for no conflict", () => {
    const link = new FakeLink();
    const host = link.add();
    link.register(host, serviceOf(), { isShared: true });
    link.register(host, serviceOf({ instance: "Mine", host: ["mine", "local"] }));
    link.run(5_000);
    link.answer([srv("Web", "far-away"), txt("Web", "version=2")]);
    link.answer([srv("Mine", "mine"), txt("Mine")]);
    expect(host.machine.stats.conflicts).toBe(0);
    link.answer([txt("Mine", "version=2")]);
    link.answer([srv("Web", "elsewhere")]);
    expect(host.machine.stats.conflicts).toBe(2);
  });

  it("§9: a host's address that another claims is asked for again, until it is free", () => {
    const link = new FakeLink();
    const [former, next] = [link.add(), link.add()];
    const id = link.registerHost(former, ["cw-x-1", "local"], [former.address]);
    link.run(5_000);
    link.registerHost(next, ["cw-x-1", "local"], [next.address], true);
    link.run(10_000);
    const askedMs = link.nowMs;
    link.ask([question(["cw-x-1", "local"], "a")]);
    link.run(1_500);
    const answers = responses(link.since(askedMs)).flatMap(({ message }) => message.answers);
    expect(new Set(answers.map((r) => (r.type === "a" ? r.address : "")))).toEqual(
      new Set([next.address]),
    );
    link.feed(former, { type: "withdraw", id });
    expect(newsOf(former, "refused")).toEqual([]);
  });

  it("row 30, RFC 6763 §4: serves several services of one host, and lets one go", () => {
    const link = new FakeLink();
    const host = link.add();
    const ids = ["A", "B", "C"].map((instance) => link.register(host, serviceOf({ instance })));
    link.run(5_000);
    expect(newsOf(host, "registered")).toHaveLength(3);
    link.feed(host, { type: "withdraw", id: ids[0]! });
    link.run(2_000);
    link.ask([question(["far-away", "local"], "a")]);
    link.run(1_000);
    expect(link.sent.at(-1)!.message.answers).toMatchObject([
      { address: "203.0.113.7", ttlS: 120 },
    ]);
    // A fourth needs no probe for the host any more.
    const registeredMs = link.nowMs;
    link.register(host, serviceOf({ instance: "D" }));
    link.run(ESTABLISHED_MS);
    const asked = probes(link.since(registeredMs)).flatMap(({ message }) => message.questions);
    expect(new Set(asked.map(({ name }) => name[0]))).toEqual(new Set(["D"]));
  });

  it("does not hear its own name in what a reflector sends back: equal probes and announcements", () => {
    const link = new FakeLink();
    const host = link.add();
    link.register(host, serviceOf());
    let reflected = 0;
    for (let i = 0; i < 100; i++) {
      link.run(50);
      for (const { bytes } of link.sent.slice(reflected))
        link.inject(bytes, { from: "10.0.0.254" });
      reflected = Math.max(reflected, link.sent.length);
    }
    expect(newsOf(host, "registered")).toMatchObject([{ instance: "Web" }]);
    expect(newsOf(host, "renamed")).toEqual([]);
    expect(link.sent.length).toBeLessThan(20);
  });
});

it("announcements of a stranger are no conflict with another name", () => {
  const link = new FakeLink();
  const host = link.add();
  link.register(host, serviceOf());
  link.run(5_000);
  link.answer([...announcementOf("Other", "other"), pointer("Web")]);
  expect(host.machine.stats.conflicts).toBe(0);
});
