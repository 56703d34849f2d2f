import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { isKept } from "../../../overlay/custody/put-outcome.ts";
import { placeInSubnet } from "../../../overlay/records/subnet-placement.ts";
import { encodeRecord, type SignedRecord } from "../../../overlay/records/record.ts";
import type { CopyPolicy } from "../../../overlay/types.ts";
import { pairOf } from "../identity/members.ts";
import { HOUR_MS, makeRecord } from "../records/fixture.ts";
import { dial, stopAll, until } from "../io/loopback.ts";
import { introduceSites, startHost, startSite, type SiteHost } from "../io/site.ts";

afterEach(stopAll);

function recordsOf(policy: CopyPolicy, count = 20): SignedRecord[] {
  return Array.from({ length: count }, (_, i) => makeRecord({ key: `record ${i}`, policy }));
}

async function putAll(host: SiteHost, records: readonly SignedRecord[]): Promise<void> {
  const items = records.map((one) => ({ record: encodeRecord(one), remainingMs: HOUR_MS }));
  await host.custodian.put(items);
}

/** Whether each record lies where its place is among these hosts. */
function isPlaced(hosts: readonly SiteHost[], records: readonly SignedRecord[]): boolean {
  const ids = hosts.map(({ id }) => id);
  return records.every((record) =>
    placeInSubnet(record, ids)!.every((id) =>
      hosts.find((host) => host.id === id)!.custodian.holds(record.key),
    ),
  );
}

const isSomewhere = (hosts: readonly SiteHost[], records: readonly SignedRecord[]): boolean =>
  records.every(({ key }) => hosts.some(({ custodian }) => custodian.holds(key)));

describe("inside the subnet", () => {
  it("a newcomer gets what is its own by now", async () => {
    const site = await startSite("quay", ["anna", "bert", "cora"]);
    const records = recordsOf({ type: "copies", count: 2 });
    await putAll(site[0]!, records);
    const dora = await startHost("dora", "quay");
    await Promise.all(site.map((host) => dial(dora, host)));
    await until("met", () => site.every(({ siblings }) => siblings.has(dora.id)));
    for (const { mover } of site) mover.onChange();
    await until("placed", () => isPlaced([...site, dora], records));
    // Each copy was sent once: never more puts than batches of one former holder each.
    expect(dora.served.filter((call) => call.startsWith("put")).length).toBeLessThanOrEqual(3);
  });

  it("what a dead host had is copied again by those who have it", async () => {
    const site = await startSite("quay", ["anna", "bert", "cora", "dora"]);
    const records = recordsOf({ type: "copies", count: 2 });
    await putAll(site[1]!, records);
    const [dead, ...alive] = site;
    await dead!.crash();
    await until("noticed", () => alive.every(({ siblings }) => !siblings.has(dead!.id)));
    for (const { mover } of alive) mover.onChange();
    await until("placed again", () => isPlaced(alive, records));
  });

  it.each<CopyPolicy>([{ type: "one" }, { type: "copies", count: 1 }, { type: "demand" }])(
    "a leaving host hands %j over, so that nothing is lost",
    async (policy) => {
      const site = await startSite("quay", ["anna", "bert", "cora"]);
      const records = recordsOf(policy);
      for (const [i, host] of site.entries())
        await putAll(
          host,
          records.filter((_, at) => at % 3 === i),
        );
      const [leaver, ...others] = site;
      await leaver!.mover.handOver();
      expect(isSomewhere(others, records)).toBe(true);
    },
  );
});

describe("a host or a subnet that cannot take records yet", () => {
  it("gets its copies once its disk has room, a newcomer of the own subnet", async () => {
    const site = await startSite("quay", ["anna", "bert"]);
    const records = recordsOf({ type: "copies", count: 2 });
    await putAll(site[0]!, records);
    const cora = await startHost("cora", "quay");
    cora.breakDisk();
    await Promise.all(site.map((host) => dial(cora, host)));
    await until("met", () => site.every(({ siblings }) => siblings.has(cora.id)));
    for (const { mover } of site) mover.onChange();
    await until("tried", () => cora.served.length > 0);
    await sleep(200);
    cora.mendDisk();
    await until("placed", () => isPlaced([...site, cora], records));
  });

  it("gets them then, another subnet, while nothing is sent twice to those that did", async () => {
    const [quay, pier, moor] = await Promise.all([
      startSite("quay", ["anna"], 3),
      startSite("pier", ["bert"], 3),
      startSite("moor", ["cora"], 3),
    ]);
    const records = recordsOf({ type: "copies", count: 1 });
    await putAll(quay[0]!, records);
    const { mover } = quay[0]!;
    mover.onChange();
    await sleep(600);
    introduceSites(quay, pier, moor);
    moor[0]!.breakDisk();
    mover.onChange();
    const puts = (host: SiteHost): number =>
      host.served.filter((call) => call === "put from anna").length;
    await until("tried", () => puts(moor[0]!) === 2); // two batches
    await sleep(1_000);
    moor[0]!.mendDisk();
    await until("pushed", () => isSomewhere(moor, records));
    expect([puts(pier[0]!), puts(moor[0]!)]).toEqual([2, 4]);
  });
});

describe("between subnets", () => {
  it("hosts that are the last and leave together hand over to the others", async () => {
    const [quay, pier] = await Promise.all([
      startSite("quay", ["anna", "bert"]),
      startSite("pier", ["cora"]),
    ]);
    introduceSites(quay, pier);
    const records = recordsOf({ type: "one" });
    const acknowledged = records.map(async (record, i) => {
      const item = { record: encodeRecord(record), remainingMs: HOUR_MS };
      const outcomes = await quay[i % 2]!.custodian.put([item]).catch(() => []);
      return outcomes.filter(isKept).map(() => record);
    });
    await Promise.all(quay.map(({ mover }) => mover.handOver()));
    const kept = (await Promise.all(acknowledged)).flat();
    expect(kept.length).toBeGreaterThan(0);
    expect(isSomewhere(pier, kept)).toBe(true);
    await expect(quay[0]!.custodian.put([])).rejects.toMatchObject({
      code: "ERR_OVERLAY_NOT_JOINED",
    });
  });

  it("a last host hands over to the next closest where the closest does not answer", async () => {
    const [quay, pier] = await Promise.all([
      startSite("quay", ["anna"], 1),
      startSite("pier", ["bert"], 1),
    ]);
    introduceSites(quay, pier);
    quay[0]!.routing.list("moor"); // nobody is there
    const records = recordsOf({ type: "copies", count: 1 });
    await putAll(quay[0]!, records);
    await quay[0]!.mover.handOver();
    expect(isSomewhere(pier, records)).toBe(true);
  });

  it("the last host of a subnet hands over to the closest others", async () => {
    const [quay, pier, moor] = await Promise.all([
      startSite("quay", ["anna"]),
      startSite("pier", ["bert"]),
      startSite("moor", ["cora"]),
    ]);
    introduceSites(quay, pier, moor);
    const records = recordsOf({ type: "copies", count: 2 }, 10);
    await putAll(quay[0]!, records);
    await quay[0]!.mover.handOver();
    // Replicas are 2, and two other subnets are left: both have all.
    for (const host of [pier[0]!, moor[0]!]) expect(isSomewhere([host], records)).toBe(true);
  });

  it("a subnet that has become one of the closest gets what is its own", async () => {
    const [quay, pier] = await Promise.all([
      startSite("quay", ["anna"], 1),
      startSite("pier", ["bert"], 1),
    ]);
    const records = recordsOf({ type: "copies", count: 1 });
    await putAll(quay[0]!, records);
    const { mover, routing } = quay[0]!;
    mover.onChange(); // looked at once, while quay was alone
    await sleep(600);
    introduceSites(quay, pier);
    mover.onChange();
    const pierId = pairOf("pier").id;
    const theirs = records.filter(
      ({ key }) => routing.closestKnown(key, 1)[0]!.subnetId === pierId,
    );
    expect(theirs.length).toBeGreaterThan(3);
    await until("pushed", () => isSomewhere(pier, theirs));
    const ours = records.filter((record) => !theirs.includes(record));
    expect(ours.some(({ key }) => pier[0]!.custodian.holds(key))).toBe(false);
  });

  it("so does one that takes the place of a subnet that ends right after a put", async () => {
    const [quay, pier, moor] = await Promise.all([
      startSite("quay", ["anna"]),
      startSite("pier", ["bert"]),
      startSite("moor", ["cora"]),
    ]);
    introduceSites(quay, pier, moor);
    const { mover, routing } = quay[0]!;
    mover.onChange(); // looked at, with nothing to see
    await sleep(600);
    const [quayId, pierId] = [pairOf("quay").id, pairOf("pier").id];
    const records = recordsOf({ type: "copies", count: 1 }, 40).filter(({ key }) => {
      const closest = routing.closestKnown(key, 2).map(({ subnetId }) => subnetId);
      return closest.includes(quayId) && closest.includes(pierId);
    });
    expect(records.length).toBeGreaterThan(3);
    for (const site of [quay, pier]) await putAll(site[0]!, records);
    await routing.evict(pierId);
    mover.onChange();
    await until("pushed", () => isSomewhere(moor, records));
  });

  it("a push that failed is tried again", async () => {
    const [quay, pier] = await Promise.all([
      startSite("quay", ["anna"]),
      startSite("pier", ["bert"]),
    ]);
    const records = recordsOf({ type: "copies", count: 1 }, 3);
    await putAll(quay[0]!, records);
    const { mover } = quay[0]!;
    mover.onChange();
    await sleep(600);
    quay[0]!.routing.list("pier"); // known by name, its addresses not yet
    mover.onChange();
    await sleep(600);
    expect(isSomewhere(pier, records)).toBe(false);
    introduceSites(quay, pier);
    await until("pushed", () => isSomewhere(pier, records));
  });
});
