import dnsPacket from "dns-packet";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type DnsMessage,
  type DnsRecord,
  EMPTY_MESSAGE,
  decodeMessage,
  encodeMessage,
} from "../../../platform/dns/message.ts";
import { decodeAnnouncement } from "../../../overlay/link/announcement.ts";
import { LinkMachine } from "../../../overlay/link/link-machine.ts";
import { WireError } from "../../../platform/errors.ts";
import { fromHex, utf8 } from "../../../platform/bytes.ts";
import { createRandom } from "../../../platform/random.ts";
import { readGolden } from "../../golden/read-golden.ts";
import { announcementOf, linkOf } from "../../overlay/link/fake-link.ts";

const GOLDEN = readGolden("mdns/avahi-0.8.txt");
const INSTANCE = ["hq3j5xk2m7wz4abcdefg", "_causeway", "_tcp", "local"];

function golden(name: string): Uint8Array {
  const bytes = GOLDEN.get(name);
  if (bytes === undefined) throw new Error(`no golden packet ${name}`);
  return bytes;
}

describe("packets of Avahi", () => {
  it("are announcements that we read", () => {
    const message = decodeMessage(golden("announcement, IPv4"));
    expect(message).toMatchObject({ id: 0, isResponse: true, isTruncated: false });
    const srv = message.answers.find((r) => r.type === "srv");
    const txt = message.answers.find((r) => r.type === "txt");
    expect(srv).toMatchObject({ name: INSTANCE, ttlS: 120, isFlush: true, port: 4711 });
    expect(srv?.target).toEqual(["golden", "local"]);
    expect(txt).toMatchObject({ name: INSTANCE, ttlS: 4500, isFlush: true });
    expect(message.answers.find((r) => r.type === "a")).toMatchObject({
      address: "10.77.0.1",
      ttlS: 120,
    });
    const linkLocal = expect.stringMatching(/^fe80::/) as unknown;
    expect(message.answers.find((r) => r.type === "aaaa")).toMatchObject({ address: linkLocal });
    expect(message.answers.find((r) => r.type === "ptr")).toMatchObject({
      ttlS: 4500,
      isFlush: false,
    });
    expect(decodeAnnouncement(INSTANCE[0]!, srv!, txt!.strings, [])).toEqual({
      hostTag: INSTANCE[0],
      wireMin: 1,
      wireMax: 2,
      subnetPort: 4711,
      hostPort: 4712,
      overlayTag: "o7x2",
      subnetTag: "s9q4",
      stampMs: 1_763_596_800_000,
      generation: 3,
      addresses: [],
    });
  });

  it("are questions with a known answer", () => {
    const { questions, answers } = decodeMessage(
      golden("browse question with a known answer, IPv4"),
    );
    expect(questions).toEqual([{ name: INSTANCE.slice(1), code: 12, class: 1, isUnicast: false }]);
    expect(answers).toMatchObject([{ type: "ptr", target: INSTANCE }]);
  });

  it("are probes with proposed records", () => {
    const { questions, authorities } = decodeMessage(golden("service probe, IPv4"));
    expect(questions).toMatchObject([{ name: INSTANCE, code: 255 }]);
    expect(authorities.map(({ type }) => type).toSorted()).toEqual(["srv", "txt"]);
  });

  for (const name of GOLDEN.keys())
    it(`mean the same to us and to dns-packet: ${name}`, () => {
      const ours = decodeMessage(golden(name));
      const theirs = dnsPacket.decode(Buffer.from(golden(name)));
      const [known, expected] = [sections(ours), sectionsOf(theirs)];
      expect(known).toEqual(expected);
    });

  it("make a peer come and go", () => {
    const machine = new LinkMachine(createRandom(1));
    const from = "10.77.0.1";
    const hear = (name: string, nowMs: number): readonly unknown[] =>
      machine.step({ type: "packet", bytes: golden(name), from, port: 5353 }, nowMs);
    machine.step({ type: "start", link: linkOf("10.77.0.2"), announcement: null }, 0);
    expect(hear("service probe, IPv4", 10)).toEqual([]);
    expect(hear("announcement, IPv4", 500)).toMatchObject([{ type: "peer-found" }]);
    const { addresses } = machine.peers()[0]!;
    expect(addresses[0]).toBe(from);
    expect(addresses[1]).toMatch(/^fe80::.*%eth0$/);
    hear("goodbye, IPv4", 2000);
    expect(machine.step({ type: "tick" }, 3000)).toMatchObject([
      { type: "peer-gone", reason: "goodbye" },
    ]);
  });
});

/** What both codecs can say of a message, in one form. */
type Row = readonly [name: string, type: string, ttl: number, flush: boolean, data: unknown];

function sections(message: DnsMessage): Row[] {
  const all = [...message.answers, ...message.authorities, ...message.additionals];
  return all.map((r) => [r.name.join("."), r.type.toUpperCase(), r.ttlS, r.isFlush, dataOf(r)]);
}

function dataOf(record: DnsRecord): unknown {
  switch (record.type) {
    case "ptr":
      return record.target.join(".");
    case "srv":
      return [record.priority, record.weight, record.port, record.target.join(".")];
    case "txt":
      return record.strings.map((text) => Buffer.from(text).toString());
    case "a":
    case "aaaa":
      return record.address;
    case "nsec":
    case "other":
      return null;
    default:
      return record satisfies never;
  }
}

function sectionsOf(message: dnsPacket.Packet): Row[] {
  const all = [message.answers, message.authorities, message.additionals].flatMap((s) => s ?? []);
  return all.map((r) => {
    if (r.type === "OPT" || !("data" in r)) throw new Error(`unexpected ${r.type}`);
    const data = r.data as unknown;
    let plain = data;
    if (r.type === "SRV") plain = [r.data.priority, r.data.weight, r.data.port, r.data.target];
    if (r.type === "TXT") plain = (r.data as Buffer[]).map(String);
    return [r.name, r.type, r.ttl ?? 0, r.flush ?? false, plain];
  });
}

const label = fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }).filter(
  // What UTF-8 cannot hold (lone surrogates) does not come back.
  (text) => text.isWellFormed() && utf8(text).length <= 63 && utf8(text).length > 0,
);
const name = fc.array(label, { minLength: 1, maxLength: 4 });
const u16 = fc.nat(0xffff);
const ipv4 = fc.ipV4();
const data = fc.oneof(
  fc.record({ type: fc.constant("ptr" as const), target: name }),
  fc.record({
    type: fc.constant("srv" as const),
    priority: u16,
    weight: u16,
    port: u16,
    target: name,
  }),
  fc.record({
    type: fc.constant("txt" as const),
    strings: fc.array(fc.uint8Array({ minLength: 1, maxLength: 255 }), { maxLength: 4 }),
  }),
  fc.record({ type: fc.constant("a" as const), address: ipv4 }),
  fc.record({
    type: fc.constant("nsec" as const),
    next: name,
    bitmaps: fc.uint8Array({ maxLength: 34 }),
  }),
  fc.record({
    type: fc.constant("other" as const),
    code: fc.constant(46),
    class: fc.constant(1),
    bytes: fc.uint8Array({ maxLength: 40 }),
  }),
);
const record = fc
  .tuple(data, name, fc.nat(0x7fffffff), fc.boolean())
  .map(([d, n, ttlS, isFlush]): DnsRecord => ({ ...d, name: n, ttlS, isFlush }));
const message = fc.record({
  id: u16,
  isResponse: fc.boolean(),
  isTruncated: fc.boolean(),
  questions: fc.array(
    fc.record({ name, code: u16, class: fc.constantFrom(1, 255), isUnicast: fc.boolean() }),
    { maxLength: 4 },
  ),
  answers: fc.array(record, { maxLength: 6 }),
  authorities: fc.array(record, { maxLength: 2 }),
  additionals: fc.array(record, { maxLength: 6 }),
});

describe("messages", () => {
  it("come back as they were written", () => {
    fc.assert(
      fc.property(message, (written) => {
        expect(decodeMessage(encodeMessage(written))).toEqual(written);
      }),
    );
  });

  it("throw nothing but WireError, whatever the bytes", () => {
    const anyBytes = fc.uint8Array({ maxLength: 300 });
    const broken = fc
      .tuple(message, fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 4 }), fc.nat(2000))
      .map(([written, changes, cutAt]) => {
        const bytes = encodeMessage(written);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        return cutAt < bytes.length ? bytes.subarray(0, cutAt) : bytes;
      });
    fc.assert(
      fc.property(fc.oneof(anyBytes, broken), (bytes) => {
        try {
          decodeMessage(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("never make the machine throw, whatever the bytes", () => {
    const machine = new LinkMachine(createRandom(1));
    machine.step({ type: "start", link: linkOf("10.0.0.1"), announcement: null }, 0);
    const packets = [...GOLDEN.values()];
    let nowMs = 0;
    fc.assert(
      fc.property(
        fc.nat(packets.length - 1),
        fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 6 }),
        (which, changes) => {
          const bytes = packets[which]!.slice();
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          nowMs += 50;
          machine.step({ type: "packet", bytes, from: "10.0.0.7", port: 5353 }, nowMs);
          expect(machine.wakeAtMs).toBeGreaterThan(nowMs);
        },
      ),
      { numRuns: 1000 },
    );
    expect(machine.counters.malformed).toBeGreaterThan(0);
  });

  it("write each name suffix once", () => {
    const instance = (i: number): string[] => [`host${i}`, "_causeway", "_tcp", "local"];
    const answers = Array.from({ length: 20 }, (_, i): DnsRecord => {
      const common = { name: instance(0).slice(1), ttlS: 4500, isFlush: false };
      return { ...common, type: "ptr", target: instance(i) };
    });
    const bytes = encodeMessage({ ...EMPTY_MESSAGE, isResponse: true, answers });
    expect(bytes.length).toBeLessThan(12 + 23 + 20 * 22);
    expect(dnsPacket.decode(Buffer.from(bytes)).answers).toHaveLength(20);
  });

  it("keep a dot inside a label", () => {
    const dotted = ["Tom's Music v1.2", "_daap", "_tcp", "local"];
    const question = { name: dotted, code: 33, class: 1, isUnicast: false };
    const bytes = encodeMessage({ ...EMPTY_MESSAGE, questions: [question] });
    expect(decodeMessage(bytes).questions[0]?.name).toEqual(dotted);
  });

  it.each([
    ["a pointer to itself", "000084000000000100000000c00c000c0001000011940002c00c"],
    ["a pointer ahead", "000000000001000000000000c0200001000100000000000000000000000000000000"],
    ["two pointers in a circle", "000000000001000000000000c00ec00c00010001"],
    ["a label of 64 bytes", `00000000000100000000000040${"61".repeat(64)}0000010001`],
    [
      "a name of 256 bytes",
      `000000000001000000000000${`3f${"61".repeat(63)}`.repeat(4)}0000010001`,
    ],
    ["an A record of 5 bytes", "000084000000000100000000000001000100000001000501020304 05"],
    ["an unfinished header", "0000840000"],
    ["an opcode", "000028000000000000000000"],
  ])("refuse %s", (_, hex) => {
    expect(() => decodeMessage(fromHex(hex.replace(" ", "")))).toThrow(WireError);
  });
});

describe("labels that are not UTF-8", () => {
  const withLabel = (label: string): Uint8Array => {
    const length = (label.length / 2).toString(16).padStart(2, "0");
    return fromHex(`000000000001000000000000${length}${label}056c6f63616c00000c0001`);
  };

  it("are refused: decoded with replacements they would be longer than a label may be", () => {
    expect(() => decodeMessage(withLabel("ff".repeat(22)))).toThrow(WireError);
    expect(() => decodeMessage(withLabel("eda080"))).toThrow(/not UTF-8/);
  });

  it("keep a byte order mark, which is a character of the name like any other", () => {
    const message = decodeMessage(withLabel("efbbbf"));
    expect(message.questions[0]?.name).toEqual(["\ufeff", "local"]);
    expect(decodeMessage(encodeMessage(message))).toEqual(message);
  });

  it("do not stop a host that is asked by a plain DNS client, whose question it repeats", () => {
    const machine = new LinkMachine(createRandom(1));
    const announcement = announcementOf(0);
    machine.step({ type: "start", link: linkOf("10.0.0.1"), announcement }, 0);
    const ask = (other: string) => {
      const ours = "095f6361757365776179045f746370056c6f63616c00000c0001";
      const bytes = fromHex(`000700000002000000000000${ours}${other}056c6f63616c00000c0001`);
      const to = { address: "10.0.0.9", port: 40_000 };
      const event = { type: "packet", bytes, from: to.address, port: to.port } as const;
      return machine
        .step(event, 5000)
        .filter((action) => action.type === "send" && action.to?.port === to.port);
    };
    expect(ask("16" + "ff".repeat(22))).toEqual([]);
    expect(machine.counters.malformed).toBe(1);
    expect(ask("03efbbbf")).toHaveLength(1);
  });
});
