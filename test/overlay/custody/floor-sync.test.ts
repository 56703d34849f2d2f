import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { placeCopies } from "../../../overlay/records/placement.ts";
import { encodeRecord, slotIdOf, type SignedRecord } from "../../../overlay/records/record.ts";
import type { CopyPolicy } from "../../../overlay/types.ts";
import { pairOf } from "../identity/members.ts";
import { HOUR_MS, makeRecord } from "../records/fixture.ts";
import { CLOCK, dial, stopAll, until } from "../io/loopback.ts";
import { startHost, startSite, type SiteHost } from "../io/site.ts";

afterEach(stopAll);

/** By then a mover has answered to a change of the hosts. */
const SETTLED_MS = 600;
/** By then hosts that met have looked twice at what each lacks, and sent it. */
const COMPARED_MS = 2_500;

async function put(host: SiteHost, record: SignedRecord): Promise<void> {
  const item = { record: encodeRecord(record), remainingMs: HOUR_MS };
  await host.custodian.put([item]);
}

function versionAt(host: SiteHost, record: SignedRecord): bigint {
  const held = host.records.store.getSlot(slotIdOf(record));
  return held === undefined || held.record.isRemoved ? 0n : held.record.version;
}

/** The two meet for the first time, as after one was off. */
async function meet(a: SiteHost, b: SiteHost): Promise<void> {
  await dial(a, b);
  await until("met", () => a.siblings.has(b.id) && b.siblings.has(a.id));
  for (const { mover } of [a, b]) mover.onChange();
}

describe.each<CopyPolicy>([
  { type: "one" },
  { type: "demand" },
  { type: "copies", count: 1 },
  { type: "copies", count: 2 },
  { type: "all" },
])("a holder that was off, policy %o", (policy) => {
  it("does not bring back what was removed meanwhile", async () => {
    const [off, stayed] = [await startHost("anna", "quay"), await startHost("bert", "quay")];
    const old = makeRecord({ version: 1n, policy });
    await put(off, old);
    await put(stayed, makeRecord({ version: 2n, policy, isRemoved: true }));
    await meet(off, stayed);
    await until("gone", () => versionAt(off, old) === 0n);
    for (const host of [off, stayed]) {
      const { items } = await host.custodian.get(old.key);
      expect(items.every(({ record }) => !Buffer.from(record).includes("10.0.0.7"))).toBe(true);
    }
  });

  it("hears of what was replaced, and keeps what is its own", async () => {
    const [off, stayed] = [await startHost("anna", "quay"), await startHost("bert", "quay")];
    const old = makeRecord({ version: 1n, policy });
    const same = makeRecord({ key: "same", policy });
    await put(off, old);
    for (const host of [off, stayed]) await put(host, same);
    await put(stayed, makeRecord({ version: 3n, policy }));
    await meet(off, stayed);
    await until("newer", () => versionAt(off, old) === 3n);
    expect(versionAt(off, same)).toBe(1n);
  });
});

describe("a holder whose sibling knows a newer version that nobody keeps", () => {
  it("drops its own, and refuses it from then on", async () => {
    const [off, stayed] = [await startHost("anna", "quay"), await startHost("bert", "quay")];
    const old = makeRecord({ version: 1n });
    await put(off, old);
    const nowMs = CLOCK.monotonicMs();
    const floor = { slotId: slotIdOf(old), version: 5n, deadlineMs: nowMs, isRemoved: false };
    stayed.records.raiseFloors([{ ...floor, keepUntilMs: nowMs + HOUR_MS, from: null }]);
    await meet(off, stayed);
    await until("gone", () => versionAt(off, old) === 0n);
    const item = { record: encodeRecord(old), remainingMs: HOUR_MS };
    expect(await off.custodian.putInside([item], stayed.id)).toMatchObject([
      { result: 3, floor: 5n },
    ]);
  });
});

describe("a holder that comes from the other side of a cut", () => {
  it("gives all hosts what it took in there, though each thinks that another does", async () => {
    const record = makeRecord({ policy: { type: "all" } });
    const names = ["anna", "bert", "carl"];
    const order = placeCopies(
      record.key,
      names.map((name) => pairOf(name).id),
      3,
    );
    const nameOf = (id: string) => names.find((name) => pairOf(name).id === id)!;
    const [first, holder, last] = [
      await startHost(nameOf(order[0]!), "quay"),
      await startHost(nameOf(order[1]!), "quay"),
      await startHost(nameOf(order[2]!), "quay"),
    ];
    for (const [a, b] of [
      [first, last],
      [first, holder],
      [last, holder],
    ] as const)
      await meet(a, b);
    for (const channel of holder.siblings.channels()) channel.abort("the link is cut");
    await until("apart", () => [first, last].every(({ siblings }) => !siblings.has(holder.id)));
    for (const { mover } of [first, last, holder]) mover.onChange();
    await sleep(SETTLED_MS);
    await put(holder, record);
    await meet(holder, first);
    await until("copied to the first", () => versionAt(first, record) === 1n);
    await meet(holder, last);
    await until("copied to the last", () => versionAt(last, record) === 1n);
  });
});

describe.each<CopyPolicy>([{ type: "copies", count: 2 }, { type: "all" }])(
  "a host that was off while others put, policy %o",
  (policy) => {
    it("is sent each record once, by one of those that saw it go and come", async () => {
      const site = await startSite("quay", ["anna", "bert", "cora", "dora"]);
      const [off, ...stayed] = site as [SiteHost, ...SiteHost[]];
      const settle = async (): Promise<void> => {
        for (const { mover } of site) mover.onChange();
        await sleep(SETTLED_MS);
      };
      await settle();
      for (const channel of off.siblings.channels()) channel.abort("off");
      await until("apart", () => stayed.every(({ siblings }) => !siblings.has(off.id)));
      await settle();
      const records = Array.from({ length: 12 }, (_, i) => makeRecord({ key: `r${i}`, policy }));
      for (const record of records) await put(stayed[0]!, record);
      await Promise.all(stayed.map((host) => dial(off, host)));
      await until("met", () => stayed.every(({ siblings }) => siblings.has(off.id)));
      await settle();
      await sleep(COMPARED_MS);
      const here = records.filter((record) => versionAt(off, record) === 1n);
      const ids = site.map(({ id }) => id);
      const own = records.filter(({ key }) =>
        placeCopies(key, ids, policy.type === "all" ? ids.length : 2).includes(off.id),
      );
      expect(own.length).toBeGreaterThan(0);
      expect(here).toEqual(own);
      const sentBytes = stayed.reduce((sum, one) => sum + one.neighbours.tally.repairBytes, 0);
      expect(sentBytes).toBe(own.reduce((sum, record) => sum + encodeRecord(record).length, 0));
    });
  },
);
