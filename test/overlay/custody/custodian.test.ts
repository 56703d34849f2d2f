import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { PUT_RESULT } from "../../../overlay/schema/methods.ts";
import { placeCopies } from "../../../overlay/records/placement.ts";
import { encodeRecord, type SignedRecord } from "../../../overlay/records/record.ts";
import { GetResponseCodec, type RecordItem } from "../../../overlay/schema/messages.ts";
import type { CopyPolicy } from "../../../overlay/types.ts";
import { pairOf } from "../identity/members.ts";
import { HOUR_MS, keyOf, makeRecord } from "../records/fixture.ts";
import { dial, startPeer, stopAll, until } from "../io/loopback.ts";
import { startHost, startSite, type SiteHost } from "../io/site.ts";

afterEach(stopAll);

const NAMES = ["anna", "bert", "cora", "dora"];

function itemOf(record: SignedRecord, remainingMs = HOUR_MS): RecordItem {
  return { record: encodeRecord(record), remainingMs };
}

const holders = (site: readonly SiteHost[], key: Uint8Array): string[] =>
  site
    .filter(({ custodian }) => custodian.holds(key))
    .map(({ id }) => id)
    .toSorted();

/** Hosts of a site by their place for a key: the best first. */
function byPlace(site: readonly SiteHost[], key: Uint8Array): SiteHost[] {
  const order = placeCopies(
    key,
    site.map(({ id }) => id),
    site.length,
  );
  return order.map((id) => site.find((host) => host.id === id)!);
}

async function put(host: SiteHost, record: SignedRecord) {
  const [outcome] = await host.custodian.put([itemOf(record)]);
  return outcome!;
}

describe("a put is stored as its policy says", () => {
  it.each<[CopyPolicy, number]>([
    [{ type: "one" }, 1],
    [{ type: "copies", count: 1 }, 1],
    [{ type: "copies", count: 3 }, 3],
    [{ type: "copies", count: 16 }, 4],
    [{ type: "all" }, 4],
    [{ type: "demand" }, 1],
  ])("%j on %i of four hosts, whichever takes it in", async (policy, count) => {
    const site = await startSite("quay", NAMES);
    for (const [i, entry] of site.entries()) {
      const record = makeRecord({ key: `record ${i}`, policy });
      const outcome = await put(entry, record);
      expect(outcome).toMatchObject({ result: PUT_RESULT.stored, copies: count });
      const expected =
        policy.type === "one" || policy.type === "demand"
          ? [entry]
          : byPlace(site, record.key).slice(0, count);
      expect(holders(site, record.key)).toEqual(expected.map(({ id }) => id).toSorted());
    }
  });

  it("with what is left of its lifetime, not more", async () => {
    const [anna] = await startSite("quay", ["anna"]);
    const record = makeRecord({ lifetimeMs: HOUR_MS });
    await anna!.custodian.put([itemOf(record, 60_000)]);
    const [item] = anna!.custodian.getInside(record.key);
    expect(item!.remainingMs).toBeLessThanOrEqual(60_000);
    expect(item!.remainingMs).toBeGreaterThan(50_000);
  });
});

describe("a put that is not as it should be", () => {
  it("is refused when its signature or its bytes are bad, and nothing is kept", async () => {
    const site = await startSite("quay", ["anna", "bert"]);
    const record = makeRecord();
    const forged = { ...record, signature: makeRecord({ version: 2n }).signature };
    const leaping = encodeRecord(makeRecord({ version: 2n ** 63n }));
    for (const bytes of [encodeRecord(forged), leaping, Uint8Array.of(1, 2, 3), new Uint8Array()]) {
      const item = { record: bytes, remainingMs: HOUR_MS };
      for (const outcomes of [
        await site[0]!.custodian.put([item]),
        await site[0]!.custodian.putInside([item], site[1]!.id),
      ])
        expect(outcomes).toMatchObject([{ result: PUT_RESULT.refused }]);
    }
    expect(holders(site, record.key)).toEqual([]);
  });

  it("is told the version to beat when it is stale, whichever host takes it in", async () => {
    const site = await startSite("quay", NAMES);
    const policy: CopyPolicy = { type: "copies", count: 2 };
    await put(site[0]!, makeRecord({ policy, version: 5n }));
    const old = makeRecord({ policy, version: 4n });
    for (const entry of site) {
      const outcome = await put(entry, old);
      expect(outcome, entry.name).toMatchObject({ result: PUT_RESULT.stale, floor: 5n });
    }
    for (const host of site)
      for (const { record } of host.custodian.getInside(keyOf("printer")))
        expect(record).not.toEqual(Buffer.from(encodeRecord(old)));
    expect(holders(site, keyOf("printer"))).toHaveLength(2);
  });

  it("is a duplicate the second time, and counts as kept", async () => {
    const [anna] = await startSite("quay", ["anna"]);
    await put(anna!, makeRecord());
    expect(await put(anna!, makeRecord())).toMatchObject({
      result: PUT_RESULT.duplicate,
      copies: 1,
    });
  });
});

describe("when hosts fail", () => {
  const policy: CopyPolicy = { type: "copies", count: 2 };

  it("the next in order make up for a full disk, so that the copies are all there", async () => {
    const site = await startSite("quay", NAMES);
    const record = makeRecord({ policy });
    const [first, second, third, fourth] = byPlace(site, record.key);
    second!.breakDisk();
    expect(await put(fourth!, record)).toMatchObject({ result: PUT_RESULT.stored, copies: 2 });
    expect(holders(site, record.key)).toEqual([first!.id, third!.id].toSorted());
  });

  it("the host that took it in keeps it when no other can", async () => {
    const site = await startSite("quay", NAMES);
    const record = makeRecord({ policy });
    const [first, second, third, fourth] = byPlace(site, record.key);
    for (const host of [first!, second!, third!]) host.breakDisk();
    expect(await put(fourth!, record)).toMatchObject({ result: PUT_RESULT.stored, copies: 1 });
    expect(holders(site, record.key)).toEqual([fourth!.id]);
  });

  it("the put fails when nobody stores it", async () => {
    const site = await startSite("quay", ["anna", "bert", "cora"]);
    const record = makeRecord({ policy });
    for (const host of site) host.breakDisk();
    expect(await put(byPlace(site, record.key)[2]!, record)).toMatchObject({
      result: PUT_RESULT.storage,
    });
    expect(await put(byPlace(site, record.key)[0]!, record)).toMatchObject({
      result: PUT_RESULT.storage,
    });
    expect(holders(site, record.key)).toEqual([]);
  });

  it("the host that took it in keeps the copy that one of its places did not take", async () => {
    const site = await startSite("quay", ["anna", "bert", "cora"]);
    const record = makeRecord({ policy });
    const [first, second, third] = byPlace(site, record.key);
    second!.breakDisk();
    expect(await put(third!, record)).toMatchObject({ result: PUT_RESULT.stored, copies: 2 });
    expect(holders(site, record.key)).toEqual([first!.id, third!.id].toSorted());
  });

  it("a copy that was not taken comes later, though no host came or went", async () => {
    const site = await startSite("quay", ["anna", "bert"]);
    const old = makeRecord({ policy });
    const record = makeRecord({ policy, version: 2n });
    await put(site[0]!, old);
    site[1]!.breakDisk();
    expect(await put(site[0]!, record)).toMatchObject({ copies: 1 });
    site[1]!.mendDisk();
    await until("copied", () => {
      const [item] = site[1]!.custodian.getInside(record.key);
      return Buffer.compare(item!.record, encodeRecord(record)) === 0;
    });
  });

  it("a host that died while it was asked is made up for", async () => {
    const site = await startSite("quay", NAMES);
    const record = makeRecord({ policy });
    const [first, , , fourth] = byPlace(site, record.key);
    const putting = put(fourth!, record);
    await first!.crash();
    const outcome = await putting;
    expect(outcome).toMatchObject({ result: PUT_RESULT.stored, copies: 2 });
    const alive = site.filter((host) => host !== first);
    expect(holders(alive, record.key).length).toBeGreaterThanOrEqual(1);
  });
});

describe("a get is answered for the whole subnet", () => {
  it("from the own store, without asking anybody", async () => {
    const site = await startSite("quay", ["anna", "bert"]);
    const record = makeRecord({ policy: { type: "all" } });
    await put(site[0]!, record);
    const served = site[0]!.served.length;
    const answer = await site[1]!.custodian.get(record.key);
    expect(answer).toMatchObject({ resolvedBy: "local", host: site[1]!.id });
    expect(answer.items).toHaveLength(1);
    expect(site[0]!.served.length).toBe(served);
  });

  it("by the sibling that its place names, without asking the link", async () => {
    const site = await startSite("quay", NAMES);
    const record = makeRecord({ policy: { type: "copies", count: 2 } });
    await put(site[0]!, record);
    const [first, second, , fourth] = byPlace(site, record.key);
    const answer = await fourth!.custodian.get(record.key);
    expect(answer.resolvedBy).toBe("sibling");
    expect([first!.id, second!.id]).toContain(answer.host);
    expect(fourth!.asked()).toBe(0);
  });

  it("by a sibling too while what is here lies here only until it is moved", async () => {
    const site = await startSite("quay", NAMES);
    const policy: CopyPolicy = { type: "copies", count: 2 };
    const ours = makeRecord({ policy });
    const theirs = makeRecord({ policy, publisher: "bert" });
    const [first, , , fourth] = byPlace(site, ours.key);
    await fourth!.custodian.putInside([itemOf(ours)], first!.id);
    await put(first!, theirs);
    const { items } = await fourth!.custodian.get(ours.key);
    expect(items.map(({ record }) => Buffer.from(record)).toSorted(Buffer.compare)).toEqual(
      [ours, theirs].map((one) => Buffer.from(encodeRecord(one))).toSorted(Buffer.compare),
    );
  });

  it("as if they had nothing by siblings that send rubbish", async () => {
    const anna = await startHost("anna", "quay");
    const forger = await startPeer("bert", {
      hello: { subnet: pairOf("quay").publicKey },
      subnetKey: () => pairOf("quay"),
      onCall: async () => {
        const items = [{ record: Uint8Array.of(1, 2, 3), remainingMs: HOUR_MS }];
        const host = pairOf("bert").publicKey;
        return GetResponseCodec.encode({ items, resolvedBy: 1, host, next: "" });
      },
    });
    await dial(anna, forger);
    await until("met", () => anna.siblings.channels().length === 1);
    expect(await anna.custodian.get(keyOf("printer"))).toMatchObject({
      items: [],
      resolvedBy: "none",
    });
  });

  it("by asking the link when it lies where it came to", async () => {
    const site = await startSite("quay", NAMES);
    const record = makeRecord({ policy: { type: "one" } });
    const [first, , third, fourth] = byPlace(site, record.key);
    await put(third!, record);
    expect(await fourth!.custodian.get(record.key)).toMatchObject({
      resolvedBy: "multicast",
      host: third!.id,
    });
    expect(fourth!.asked()).toBe(1);
    expect(first!.custodian.holds(record.key)).toBe(false);
  });

  it("with what another host was told meanwhile, and each side gets what it lacks", async () => {
    const site = await startSite("quay", ["anna", "bert"]);
    const policy: CopyPolicy = { type: "one" };
    const [old, newer] = [1n, 2n].map((version) => makeRecord({ policy, version }));
    const other = makeRecord({ policy, publisher: "bert" });
    // As after anna was away: nothing that she missed has been told to her.
    await site[0]!.custodian.putInside([itemOf(old!), itemOf(other)], site[1]!.id);
    await site[1]!.custodian.putInside([itemOf(newer!)], site[0]!.id);
    const bytes = (items: readonly RecordItem[]): string[] =>
      items.map(({ record }) => Buffer.from(record).toString("hex")).toSorted();
    const both = bytes([itemOf(newer!), itemOf(other)]);
    expect(bytes((await site[0]!.custodian.get(old!.key, true)).items)).not.toEqual(both);
    expect(site[0]!.asked()).toBe(0); // a quick one spares the link
    const { items, resolvedBy } = await site[0]!.custodian.get(old!.key);
    expect([resolvedBy, bytes(items)]).toEqual(["local", both]);
    expect(bytes(site[1]!.custodian.getInside(old!.key))).toEqual(both);
    await site[0]!.custodian.get(old!.key);
    expect(site[0]!.asked()).toBe(1); // known by now
    site[0]!.custodian.consolidation.onHostsJoined();
    await site[0]!.custodian.get(old!.key);
    expect(site[0]!.asked()).toBe(2);
  });

  it("with nothing, and does not trouble the link for the same key again at once", async () => {
    const site = await startSite("quay", ["anna", "bert"]);
    for (let i = 0; i < 5; i++)
      expect(await site[0]!.custodian.get(keyOf("nothing"))).toMatchObject({
        resolvedBy: "none",
        items: [],
      });
    expect(site[0]!.asked()).toBe(1);
    await put(site[1]!, makeRecord({ key: "nothing", policy: { type: "one" } }));
    await sleep(1_000);
    expect((await site[0]!.custodian.get(keyOf("nothing"))).items).toHaveLength(1);
  });

  it("alone without any question", async () => {
    const [anna] = await startSite("quay", ["anna"]);
    expect(await anna!.custodian.get(keyOf("nothing"))).toMatchObject({ resolvedBy: "none" });
    expect(anna!.asked()).toBe(0);
  });

  it("and a sibling's own question only from the own store", async () => {
    const site = await startSite("quay", ["anna", "bert"]);
    const record = makeRecord({ policy: { type: "one" } });
    await put(site[0]!, record);
    expect(site[1]!.custodian.answerInside(record.key)).toMatchObject({
      resolvedBy: "none",
      items: [],
    });
    expect(site[0]!.custodian.answerInside(record.key).items).toHaveLength(1);
  });

  it("with tombstones, so that a removal reaches whoever has the record yet", async () => {
    const [anna] = await startSite("quay", ["anna"]);
    await put(anna!, makeRecord({ version: 1n }));
    await put(anna!, makeRecord({ version: 2n, isRemoved: true }));
    const { items } = await anna!.custodian.get(keyOf("printer"));
    expect(items).toHaveLength(1);
  });

  it("and a record in demand grows a copy where it is asked for", async () => {
    const site = await startSite("quay", ["anna", "bert", "cora"]);
    const record = makeRecord({ policy: { type: "demand" } });
    await put(site[0]!, record);
    expect(await site[1]!.custodian.get(record.key)).toMatchObject({ host: site[0]!.id });
    expect(holders(site, record.key)).toEqual([site[0]!.id]); // asked for once: no reason yet
    for (let i = 0; i < 60; i++) await site[1]!.custodian.get(record.key);
    expect(holders(site, record.key)).toEqual([site[0]!.id, site[1]!.id].toSorted());
    expect((await site[1]!.custodian.get(record.key)).resolvedBy).toBe("local");
  });
});
