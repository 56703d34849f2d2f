import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../../platform/bytes.ts";
import { type DnsRecord, decodeMessage, encodeMessage } from "../../../platform/dns/message.ts";
import { FRAME_BYTES, packMessages, packQuery } from "../../../platform/dns/packing.ts";
import { compareProposals, hasType, nsecRecord, recordKey } from "../../../platform/dns/record.ts";

const TYPE = ["_http", "_tcp", "local"];

function pointer(i: number): DnsRecord {
  return {
    name: TYPE,
    ttlS: 4500,
    isFlush: false,
    type: "ptr",
    target: [`Nr ${i} of many`, ...TYPE],
  };
}

function text(name: readonly string[], bytes: number): DnsRecord {
  const strings = Array.from({ length: Math.ceil(bytes / 256) }, () => new Uint8Array(255));
  return { name, ttlS: 4500, isFlush: true, type: "txt", strings };
}

function address(name: readonly string[], last: number): DnsRecord {
  return { name, ttlS: 120, isFlush: true, type: "a", address: `192.0.2.${last}` };
}

describe("packing (RFC 6762 §17)", () => {
  it("fills frames and goes over none, whatever the records", () => {
    const parcel = fc.tuple(fc.nat(60), fc.nat(600), fc.nat(3)).map(([i, bytes, more]) => ({
      answers: [pointer(i)],
      additionals: [
        text([`Nr ${i} of many`, ...TYPE], bytes),
        ...Array.from({ length: more }, (_, last) => address([`host-${i % 7}`, "local"], last)),
      ],
    }));
    fc.assert(
      fc.property(fc.array(parcel, { maxLength: 60 }), (parcels) => {
        const messages = packMessages(parcels, { isResponse: true });
        for (const message of messages)
          expect(encodeMessage(message).length).toBeLessThanOrEqual(FRAME_BYTES);
        const answers = messages.flatMap((message) => message.answers);
        expect(answers.map(recordKey)).toEqual(
          parcels.flatMap((one) => one.answers).map(recordKey),
        );
        expect(messages.length).toBeLessThanOrEqual(1 + parcels.length);
      }),
      { numRuns: 200 },
    );
  });

  it("says the same of sizes as the encoder: 300 pointers take as few frames as can be", () => {
    const messages = packMessages(
      Array.from({ length: 300 }, (_, i) => ({ answers: [pointer(i)] })),
    );
    const sizes = messages.map((message) => encodeMessage(message).length);
    for (const size of sizes.slice(0, -1)) expect(size).toBeGreaterThan(FRAME_BYTES - 32);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(FRAME_BYTES);
  });

  it("sends one huge record alone, its additionals left out", () => {
    const huge = text(["a", "local"], 5000);
    const messages = packMessages([
      { answers: [pointer(1)] },
      { answers: [huge], additionals: [address(["a", "local"], 1)] },
      { answers: [pointer(2)] },
    ]);
    expect(messages.map(({ answers }) => answers.length)).toEqual([1, 1, 1]);
    expect(messages[1]!.additionals).toEqual([]);
    expect(decodeMessage(encodeMessage(messages[1]!)).answers).toEqual([huge]);
  });

  it("repeats no additional record within a message, nor one that is an answer there", () => {
    const host = address(["h", "local"], 1);
    const [message] = packMessages([
      { answers: [pointer(1)], additionals: [host] },
      { answers: [pointer(2)], additionals: [host, pointer(1), pointer(3)] },
      { answers: [pointer(3)] },
    ]);
    expect(message!.additionals).toEqual([host]);
  });

  it("spreads a list of known answers, all but the last message truncated (§7.2)", () => {
    const question = { name: TYPE, code: 12, class: 1, isUnicast: false };
    const known = Array.from({ length: 150 }, (_, i) => pointer(i));
    const messages = packQuery([question], known);
    expect(messages.length).toBeGreaterThan(1);
    expect(messages.map(({ questions }) => questions.length)).toEqual(
      messages.map((_, i) => (i === 0 ? 1 : 0)),
    );
    expect(messages.map(({ isTruncated }) => isTruncated)).toEqual(
      messages.map((_, i) => i < messages.length - 1),
    );
    expect(messages.flatMap(({ answers }) => answers)).toHaveLength(150);
  });
});

describe("records", () => {
  it("are the same whatever the case of their ASCII letters, and of no others (§16)", () => {
    const named = (instance: string): string =>
      recordKey({ name: TYPE, ttlS: 1, isFlush: false, type: "ptr", target: [instance, ...TYPE] });
    expect(named("Drucker")).toBe(named("dRUCKER"));
    expect(named("Büro")).not.toBe(named("BÜro"));
    const upper: DnsRecord = { ...address(["A", "local"], 1), type: "aaaa", address: "FD00::1" };
    expect(recordKey(upper)).toBe(
      recordKey({ ...upper, name: ["a", "local"], address: "fd00:0::1" }),
    );
  });

  it("are ordered by class, type and raw data, as the RFC's example has it (§8.2)", () => {
    const mine: DnsRecord = {
      ...address(["MyPrinter", "local"], 1),
      type: "a",
      address: "169.254.99.200",
    };
    const theirs: DnsRecord = { ...mine, type: "a", address: "169.254.200.50" };
    expect(compareProposals([mine], [theirs])).toBeLessThan(0);
    expect(compareProposals([theirs], [mine])).toBeGreaterThan(0);
    expect(compareProposals([mine, theirs], [theirs, mine])).toBe(0);
    // §8.2.1: whoever has records left wins.
    expect(compareProposals([mine, theirs], [mine])).toBeGreaterThan(0);
  });

  it("are compared with names written out, not compressed (§8.2)", () => {
    const srv = (target: string[]): DnsRecord => ({
      name: ["a", ...TYPE],
      ttlS: 120,
      isFlush: true,
      type: "srv",
      priority: 0,
      weight: 0,
      port: 80,
      target,
    });
    expect(compareProposals([srv(["aa", "local"])], [srv(["b", "local"])])).toBeGreaterThan(0);
    expect(compareProposals([srv(["a", "local"])], [srv(["b", "local"])])).toBeLessThan(0);
  });

  it("of type NSEC tell which types a name has (§6.1)", () => {
    const record = nsecRecord({ name: ["h", "local"], ttlS: 120 }, [1, 28]);
    const [back] = decodeMessage(
      encodeMessage(packMessages([{ answers: [record] }], { isResponse: true })[0]!),
    ).answers;
    expect(back).toEqual(record);
    const { bitmaps } = back?.type === "nsec" ? back : { bitmaps: utf8("") };
    expect([1, 2, 28, 33].map((code) => hasType(bitmaps, code))).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect(hasType(bitmaps, 300)).toBeUndefined();
  });
});
