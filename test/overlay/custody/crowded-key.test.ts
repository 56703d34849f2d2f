/** Keys with very many records: from honest publishers all come back, and a flood leaves room. */
import { afterEach, describe, expect, it } from "vitest";
import { toHex, utf8 } from "../../../platform/bytes.ts";
import { createKeyPair } from "../../../overlay/identity/keys.ts";
import { CALL, PUT_RESULT } from "../../../overlay/schema/methods.ts";
import { keyShares } from "../../../overlay/records/quota-tally.ts";
import { encodeRecord, signRecord, type SignedRecord } from "../../../overlay/records/record.ts";
import {
  PutRequestCodec,
  PutResponseCodec,
  type PutOutcome,
  type RecordOrigin,
} from "../../../overlay/schema/messages.ts";
import { pairOf } from "../identity/members.ts";
import { HOUR_MS, keyOf, makeRecord } from "../records/fixture.ts";
import { dial, stopAll } from "../io/loopback.ts";
import { introduceSites, startSite, type SiteHost } from "../io/site.ts";

afterEach(stopAll);

const key = keyOf("printer");

/** A record by a key pair that exists for it alone. */
function minted(number: number): SignedRecord {
  const pair = createKeyPair(keyOf(`minted ${number}`));
  const { body, signature, ...fields } = makeRecord({ policy: { type: "all" } });
  void [body, signature];
  return signRecord({ ...fields, publisher: pair.publicKey }, pair);
}

/** Sends records as a host may that does not keep to the rules. */
async function pour(
  from: SiteHost,
  to: SiteHost,
  records: readonly SignedRecord[],
  origin: (i: number) => RecordOrigin | null,
  isInside = false,
): Promise<PutOutcome[]> {
  const channel = isInside
    ? from.siblings.channel(to.id)!
    : from.neighbours.channels().find(({ hostId }) => hostId === to.id);
  const outcomes: PutOutcome[] = [];
  for (let at = 0; at < records.length; at += 50) {
    const items = records.slice(at, at + 50).map((record, i) => ({
      record: encodeRecord(record),
      remainingMs: HOUR_MS,
      origin: origin(at + i),
    }));
    const body = PutRequestCodec.encode({ items, isInside });
    outcomes.push(...PutResponseCodec.decode(await channel!.call(CALL.put, body, 60_000)).outcomes);
  }
  return outcomes;
}

const storedOf = (outcomes: readonly PutOutcome[]): number =>
  outcomes.filter(({ result }) => result === PUT_RESULT.stored).length;

const publishersAt = (host: SiteHost): string[] =>
  host.records.store.getWithTombstones(toHex(key), 0).map(({ publisherHex }) => publisherHex);

describe("a flood of one key from 1,000 minted publishers of one member", () => {
  const flood = Array.from({ length: 1000 }, (_, i) => minted(i));

  it("of another subnet leaves the others' records and room for new ones, at every host", async () => {
    const [anna, bert] = await startSite("quay", ["anna", "bert"], 3);
    const [mallory] = await startSite("pier", ["mallory"], 3);
    const [dora] = await startSite("wharf", ["dora"], 3);
    introduceSites([anna!, bert!], [mallory!], [dora!]);
    await dora!.directory.put(key, utf8("before"), { copies: { type: "all" } });
    const targets = [anna!, bert!];
    for (const host of targets) await dial(mallory!, host);
    let stored = 0;
    for (const host of targets) {
      stored += storedOf(await pour(mallory!, host, flood.slice(0, 400), () => null));
      const lie = (i: number): RecordOrigin => ({
        subnet: keyOf(`invented ${i}`),
        host: keyOf(`nobody ${i}`),
        isVouched: false,
      });
      stored += storedOf(await pour(mallory!, host, flood.slice(400), lie));
    }
    expect(stored).toBeLessThanOrEqual(128 + 32);
    for (const host of [anna!, bert!]) {
      expect(publishersAt(host)).toContain(toHex(pairOf("dora").publicKey));
      expect(publishersAt(host).length).toBeLessThanOrEqual(1 + 128 + 32);
    }
    await dora!.directory.put(key, utf8("after"), { slot: "b", copies: { type: "all" } });
    await anna!.directory.put(key, utf8("anna's"), { copies: { type: "all" } });
    const { records } = await bert!.directory.get(key);
    const honest = records.filter(({ publisher }) =>
      [pairOf("dora"), pairOf("anna")].some((pair) => toHex(pair.publicKey) === toHex(publisher)),
    );
    expect(honest.map(({ value }) => Buffer.from(value).toString()).toSorted()).toEqual([
      "after",
      "anna's",
      "before",
    ]);
  });

  it("of the same subnet leaves half of the key to its siblings", async () => {
    const [anna, bert, mallory] = await startSite("quay", ["anna", "bert", "mallory"], 1);
    await bert!.directory.put(key, utf8("before"), { copies: { type: "all" } });
    const direct = storedOf(await pour(mallory!, anna!, flood.slice(0, 300), () => null, true));
    const passed = storedOf(await pour(mallory!, anna!, flood.slice(300), () => null));
    expect(direct + passed).toBeLessThanOrEqual(128);
    for (const host of [anna!, bert!]) expect(publishersAt(host).length).toBeLessThanOrEqual(129);
    for (const host of [anna!, bert!]) {
      await host.directory.put(key, utf8("after"), { slot: "b", copies: { type: "all" } });
    }
    expect(publishersAt(anna!)).toEqual(
      expect.arrayContaining(["anna", "bert"].map((name) => toHex(pairOf(name).publicKey))),
    );
  });
});

describe("a key with 1,000 records of 4 KiB", () => {
  const value = new Uint8Array(4096).fill(7);
  const crowd = Array.from({ length: 1000 }, (_, i) =>
    makeRecord({
      publisher: `publisher ${i % 40}`,
      slot: `${i}`,
      value,
      policy: { type: "copies", count: 2 },
    }),
  );

  it("is read and watched in full, from its holders and from another subnet", async () => {
    const quay = await startSite("quay", ["anna", "bert", "cora"], 2, keyShares(1024));
    const [dora] = await startSite("pier", ["dora"], 2, keyShares(1024));
    introduceSites(quay, [dora!]);
    const puts = crowd.map((record, i) => {
      const item = { record: encodeRecord(record), remainingMs: HOUR_MS };
      return { item, host: quay[i % 3]! };
    });
    for (let at = 0; at < puts.length; at += 50) {
      const some = puts.slice(at, at + 50).map(({ item, host }) => host.custodian.put([item]));
      for (const [outcome] of await Promise.all(some))
        expect(outcome).toMatchObject({ result: PUT_RESULT.stored, copies: 2 });
    }
    for (const host of [...quay, dora!]) {
      const { records } = await host.directory.get(key);
      expect(records.length, host.name).toBe(1000);
      expect(new Set(records.map(({ slot }) => slot)).size).toBe(1000);
    }
    const stop = new AbortController();
    const seen = new Set<string>();
    for await (const event of dora!.directory.watch(key, stop.signal)) {
      if (event.type === "put") seen.add(event.record.slot);
      if (seen.size === 1000) stop.abort();
    }
    expect(seen.size).toBe(1000);
  }, 60_000);
});
