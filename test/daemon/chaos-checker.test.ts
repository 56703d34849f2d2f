import { describe, expect, it } from "vitest";
import { checkRun } from "../../daemon/bench/chaos/checker.ts";
import {
  valueOf,
  type DiskLoss,
  type FaultEntry,
  type FinalState,
  type GetOperation,
  type HostReport,
  type KeyRead,
  type PutOperation,
  type RemoveOperation,
  type RunHistory,
  type WatchLineSeen,
} from "../../daemon/bench/chaos/history.ts";
import { explainViolation, RULES, type Violation } from "../../daemon/bench/chaos/violation.ts";

const HOSTS_PER_SITE = 3;
const LONG_MS = 3_600_000;
const END_MS = 100_000;
const SITES = ["alpha", "beta", "gamma"];

function put(id: number, given: Partial<PutOperation> = {}): PutOperation {
  const invokedMs = given.invokedMs ?? id * 1_000;
  return {
    id,
    type: "put",
    client: "client",
    host: "alpha-1",
    incarnation: 0,
    key: "key",
    invokedMs,
    returnedMs: invokedMs + 100,
    outcome: "acknowledged",
    error: "",
    copies: "2",
    ttlMs: LONG_MS,
    version: id,
    storedOn: ["s-alpha", "s-beta", "s-gamma"],
    ...given,
  };
}

function remove(id: number, given: Partial<RemoveOperation> = {}): RemoveOperation {
  const { copies: _copies, ttlMs: _ttl, version: _version, storedOn: _on, ...rest } = put(id);
  return { ...rest, type: "remove", hasRemoved: true, ...given };
}

function get(id: number, records: GetOperation["records"], invokedMs: number): GetOperation {
  const { copies: _copies, ttlMs: _ttl, version: _version, storedOn: _on, ...rest } = put(id);
  return { ...rest, type: "get", records, invokedMs, returnedMs: invokedMs + 50 };
}

function seen(putId: number, version = putId, publisher = "a") {
  return { publisher, value: valueOf(putId), version };
}

function read(putIds: readonly number[], given: Partial<KeyRead> = {}): KeyRead {
  const records = putIds.map((id) => seen(id));
  return { key: "key", host: "beta-1", atMs: END_MS, records, error: "", ...given };
}

function fault(given: Partial<FaultEntry>): FaultEntry {
  const nothing = { site: "", hosts: [], other: "", note: "" };
  return { type: "kill", fromMs: 0, toMs: 1, ...nothing, ...given };
}

function loss(atMs: number, given: Partial<DiskLoss> = {}): DiskLoss {
  const base = { host: "alpha-2", incarnation: 0, subnet: "s-alpha", isHandedOver: false };
  return { atMs, ...base, ...given };
}

const HISTORY: RunHistory = {
  operations: [],
  faults: [],
  diskLosses: [],
  watches: [],
  daemonEnds: [],
  siteOfSubnet: new Map(SITES.map((site) => [`s-${site}`, site])),
};

/** Nine hosts that all know the truth. */
function reports(): HostReport[] {
  const names = SITES.flatMap((site) => [1, 2, 3].map((i) => [site, `${site}-${i}`] as const));
  const subnets = SITES.map((site) => ({
    id: `s-${site}`,
    hosts: names.filter(([one]) => one === site).map(([, host]) => `id ${host}`),
  }));
  return names.map(([site, host]) => ({
    host,
    site,
    hostId: `id ${host}`,
    subnet: `s-${site}`,
    subnets,
    table: SITES.filter((one) => one !== site).map((one) => `s-${one}`),
  }));
}

const FINAL: FinalState = {
  atMs: END_MS,
  hosts: reports(),
  silent: [],
  reads: [],
  holders: [],
  probes: [],
  auditReads: [],
  bugLines: [],
};

function check(history: Partial<RunHistory>, final: Partial<FinalState> = {}): Violation[] {
  return [...checkRun({ ...HISTORY, ...history }, { ...FINAL, ...final }, HOSTS_PER_SITE)];
}

const rules = (found: readonly Violation[]): string[] => found.map(({ rule }) => rule);

/** One host's report is another. */
function reporting(host: string, given: Partial<HostReport>): Partial<FinalState> {
  return { hosts: reports().map((one) => (one.host === host ? { ...one, ...given } : one)) };
}

describe("an acknowledged put", () => {
  it("is to be found as long as nothing took its place", () => {
    const operations = [put(1)];
    expect(check({ operations }, { reads: [read([1])] })).toEqual([]);
    expect(check({ operations }, { reads: [read([])] })).toEqual([
      {
        rule: "lost",
        subject: "key",
        what: "put 1, acknowledged and not removed, is not found at beta-1",
        by: operations[0],
      },
    ]);
  });

  it("need not be when it was removed, overwritten, expired, or never acknowledged", () => {
    const reads = [read([])];
    const unknown = { outcome: "unknown", error: "no answer", version: 0, storedOn: [] } as const;
    for (const operations of [
      [put(1), remove(2)],
      [put(1), remove(2, { outcome: "unknown" })],
      [put(1), put(2, { ttlMs: 5_000 })],
      [put(1, { ttlMs: 5_000 })],
      [put(1, unknown)],
    ])
      expect(check({ operations }, { reads })).toEqual([]);
    expect(rules(check({ operations: [put(1), put(2)] }, { reads }))).toEqual(["lost"]);
    // A removal that was refused, or found nothing, has removed nothing.
    for (const given of [{ outcome: "refused" }, { hasRemoved: false }] as const)
      expect(rules(check({ operations: [put(1), remove(2, given)] }, { reads }))).toEqual(["lost"]);
  });

  it("may give way to a later one of which nobody knows whether it happened", () => {
    const unknown = put(2, { outcome: "unknown", version: 0, storedOn: [] });
    for (const ids of [[1], [2]])
      expect(check({ operations: [put(1), unknown] }, { reads: [read(ids)] })).toEqual([]);
    expect(rules(check({ operations: [put(1), unknown] }, { reads: [read([])] }))).toEqual([
      "lost",
    ]);
  });

  it("of another host, or of the same after its disk was lost, is another record", () => {
    const others = [remove(2, { host: "alpha-2" }), remove(3, { incarnation: 1 })];
    const found = check({ operations: [put(1), ...others] }, { reads: [read([])] });
    expect(rules(found)).toEqual(["lost"]);
  });
});

describe("lost disks", () => {
  const reads = [read([])];
  const only = { storedOn: ["s-alpha"] };
  const lostWith = (given: Partial<PutOperation>, diskLosses: readonly DiskLoss[], more = {}) =>
    rules(check({ operations: [put(1, { ...only, ...given })], diskLosses, ...more }, { reads }));

  it("excuse the loss of all copies of one subnet, and of no fewer", () => {
    expect(lostWith({ copies: "one" }, [loss(5_000)])).toEqual([]);
    expect(lostWith({ copies: "demand" }, [loss(5_000)])).toEqual([]);
    expect(lostWith({ copies: "2" }, [loss(5_000)])).toEqual(["lost"]);
    expect(lostWith({ copies: "2" }, [loss(5_000), loss(6_000)])).toEqual([]);
    expect(lostWith({ copies: "all" }, [loss(5_000), loss(6_000)])).toEqual(["lost"]);
    expect(lostWith({ copies: "16" }, [loss(5_000), loss(6_000), loss(7_000)])).toEqual([]);
  });

  it("excuse nothing while another subnet confirmed it, or before the put, or after a hand-over", () => {
    const one = { copies: "one" } as const;
    expect(lostWith({ ...one, storedOn: ["s-alpha", "s-beta"] }, [loss(5_000)])).toEqual(["lost"]);
    expect(lostWith(one, [loss(500)])).toEqual(["lost"]);
    expect(lostWith(one, [loss(5_000, { isHandedOver: true })])).toEqual(["lost"]);
    expect(lostWith(one, [loss(5_000, { subnet: "s-beta" })])).toEqual(["lost"]);
    expect(lostWith(one, [loss(5_000, { subnet: "" })])).toEqual([]); // wherever it was
  });

  it("one after the other, with peace between them, leave time for new copies", () => {
    const two = [loss(5_000), loss(40_000)];
    expect(lostWith({ copies: "2" }, two)).toEqual(["lost"]);
    const busy = [10_000, 25_000, 35_000].map((fromMs) =>
      fault({ site: "alpha", fromMs, toMs: fromMs + 5_000 }),
    );
    expect(lostWith({ copies: "2" }, two, { faults: busy })).toEqual([]);
    const elsewhere = busy.map((one) => ({ ...one, site: "beta" }));
    expect(lostWith({ copies: "2" }, two, { faults: elsewhere })).toEqual(["lost"]);
  });

  it("count against fewer copies when the site was in trouble at the put", () => {
    const trouble = { faults: [fault({ site: "alpha", fromMs: 0, toMs: 900 })] };
    expect(lostWith({ copies: "2" }, [loss(60_000)], trouble)).toEqual([]);
  });

  it("take a tombstone along with its publisher only", () => {
    const operations = [put(1, only), remove(2)];
    const found = (diskLosses: readonly DiskLoss[]): string[] =>
      rules(check({ operations, diskLosses }, { reads: [read([1])] }));
    expect(found([loss(5_000)])).toEqual(["resurrected"]);
    expect(found([loss(5_000, { host: "alpha-1" })])).toEqual([]);
  });
});

describe("what is over", () => {
  it("does not come back: removed or overwritten", () => {
    const reads = [read([1])];
    for (const [later, how] of [
      [remove(2), "removed"],
      [put(2), "overwritten"],
    ] as const) {
      const found = check({ operations: [put(1), later] }, { reads });
      expect(found).toContainEqual(
        expect.objectContaining({
          rule: "resurrected",
          what: `put 1 is read, which was ${how}, at beta-1`,
        }),
      );
    }
  });

  it("is not decided by what overlapped it, or was never acknowledged", () => {
    const reads = [read([1])];
    const slow = put(1, { returnedMs: 2_500 });
    expect(check({ operations: [slow, remove(2)] }, { reads })).toEqual([]);
    expect(check({ operations: [put(1), remove(2, { outcome: "unknown" })] }, { reads })).toEqual(
      [],
    );
  });

  it("may be what a host does late that hung when it was asked", () => {
    const late = put(1, { outcome: "unknown", version: 0, storedOn: [], returnedMs: 9_000 });
    const operations = [late, remove(30)];
    const reads = [read([1])];
    expect(rules(check({ operations }, { reads }))).toEqual(["resurrected"]);
    const faults = [fault({ type: "pause", hosts: ["alpha-1"], fromMs: 500, toMs: 15_000 })];
    expect(check({ operations, faults }, { reads })).toEqual([]);
  });

  it("may come back where what took its place lived shorter", () => {
    const brief = put(2, { ttlMs: 4_000 });
    expect(check({ operations: [put(1), brief] }, { reads: [read([1])] })).toEqual([]);
    const operations = [put(1), brief, put(3)];
    expect(rules(check({ operations }, { reads: [read([1])] }))).toContain("resurrected");
  });

  it("is gone some seconds after its lifetime, and the time that faults held it up", () => {
    const operations = [put(1, { ttlMs: 5_000 })];
    const at = (atMs: number): Partial<FinalState> => ({ reads: [read([1], { atMs })] });
    expect(check({ operations }, at(11_000))).toEqual([]);
    expect(rules(check({ operations }, at(13_000)))).toEqual(["expired"]);
    const faults = [fault({ fromMs: 2_000, toMs: 6_000 })];
    expect(check({ operations, faults }, at(13_000))).toEqual([]);
    // A get in the run is held to the same.
    const late = get(2, [seen(1)], 13_000);
    expect(rules(check({ operations: [...operations, late] }))).toEqual(["expired"]);
  });
});

describe("what is read", () => {
  it("was put by somebody, under that key, before, and in that version", () => {
    const operations = [put(1), put(2, { outcome: "refused", storedOn: [], version: 0 })];
    const found = (records: KeyRead["records"], given: Partial<KeyRead> = {}): string[] =>
      rules(check({ operations }, { reads: [{ ...read([]), records, ...given }] }));
    expect(found([seen(1)])).toEqual([]);
    expect(found([seen(1), { ...seen(1), value: "rubbish" }])).toEqual(["invented"]);
    expect(found([seen(1), seen(9)])).toEqual(["invented"]);
    expect(found([seen(1), seen(2)])).toEqual(["invented"]);
    expect(found([seen(1, 7)])).toEqual(["invented"]);
    expect(found([seen(1)], { key: "other" })).toEqual(["invented"]);
  });

  it("holds for gets and watches in the run too", () => {
    const early = get(2, [seen(1)], 200);
    expect(rules(check({ operations: [put(1), early] }))).toEqual(["invented"]);
    const line: WatchLineSeen = { atMs: 200, type: "put", ...seen(1) };
    const watch = { host: "beta-1", incarnation: 0, key: "key", openedMs: 0, endedMs: 300 };
    const found = check({ operations: [put(1)], watches: [{ ...watch, lines: [line] }] });
    expect(rules(found)).toEqual(["invented"]);
  });

  it("is signed by the host that put it", () => {
    const operations = [
      put(1),
      put(2, { host: "alpha-2" }),
      get(3, [seen(1, 1, "a"), seen(2, 2, "a")], 5_000),
    ];
    expect(rules(check({ operations }))).toEqual(["invented"]);
  });

  it("is the same wherever it is asked for", () => {
    const operations = [put(1), put(2, { outcome: "unknown", version: 0, storedOn: [] })];
    const reads = [read([1]), read([2], { host: "gamma-1" })];
    expect(rules(check({ operations }, { reads }))).toEqual(["diverged"]);
  });

  it("is an answer: an error once all is mended is none", () => {
    const reads = [read([], { error: "ERR_OVERLAY_UNREACHABLE" })];
    expect(rules(check({}, { reads }))).toEqual(["liveness"]);
  });
});

describe("copies", () => {
  it("lie in each of the closest subnets", () => {
    const holders = [{ key: "key", host: "beta-1", lacking: ["s-gamma"] }];
    expect(check({ operations: [put(1)] }, { holders })).toEqual([
      {
        rule: "copies",
        subject: "key",
        what: "1 of its closest subnets do not have it: gamma (asked at beta-1)",
      },
    ]);
    expect(check({ operations: [put(1), remove(2)] }, { holders })).toEqual([]);
  });

  it("two and more outlive one host of each subnet", () => {
    const auditReads = [read([])];
    for (const copies of ["2", "all", "3"])
      expect(rules(check({ operations: [put(1, { copies })] }, { auditReads }))).toEqual([
        "copies",
      ]);
    for (const copies of ["one", "demand"])
      expect(check({ operations: [put(1, { copies })] }, { auditReads })).toEqual([]);
    expect(check({ operations: [put(1)] }, { auditReads: [read([1])] })).toEqual([]);
  });
});

describe("subnets", () => {
  it("are one for each link, and each knows every live host of the others", () => {
    expect(check({})).toEqual([]);
    const found = check({}, reporting("alpha-1", { subnet: "s-new" }));
    expect(rules(found)).toContain("one-subnet");
    const shared = check(
      {},
      { hosts: reports().map((one) => ({ ...one, subnet: one.subnet.replace("beta", "alpha") })) },
    );
    expect(rules(shared)).toContain("one-subnet");
  });

  it("are named with their live hosts and no others, at every host", () => {
    const [first, ...others] = reports()[0]!.subnets;
    const ill = [
      [...others],
      [{ ...first!, hosts: first!.hosts.slice(1) }, ...others],
      [{ ...first!, hosts: [...first!.hosts, "id ghost"] }, ...others],
      [first!, ...others, { id: "s-gone", hosts: ["id ghost"] }],
    ];
    for (const subnets of ill)
      expect(rules(check({}, reporting("beta-2", { subnets })))).toEqual(["host-set"]);
  });

  it("stand in every table while they live, and in none when dead", () => {
    const ill = [["s-alpha"], ["s-alpha", "s-gamma", "s-dead"], ["s-alpha", "s-gamma", "s-beta"]];
    for (const table of ill)
      expect(rules(check({}, reporting("beta-2", { table })))).toEqual(["table"]);
  });
});

describe("a watch", () => {
  const line = (type: WatchLineSeen["type"], id: number, atMs = 5_000): WatchLineSeen => ({
    atMs,
    type,
    publisher: "a",
    version: id,
    value: type === "put" ? valueOf(id) : "",
  });
  const watching = (lines: readonly WatchLineSeen[], endedMs = Infinity) => ({
    watches: [{ host: "beta-1", incarnation: 0, key: "key", openedMs: 0, endedMs, lines }],
  });

  it("goes forward", () => {
    const operations = [put(1), put(2)];
    const lines = [line("put", 2), line("put", 1, 6_000)];
    expect(rules(check({ operations, ...watching(lines, 7_000) }))).toEqual(["watch"]);
  });

  it("told in the end what is there, if it lived so long", () => {
    const operations = [put(1), put(2)];
    const reads = [read([2])];
    expect(check({ operations, ...watching([line("put", 2)]) }, { reads })).toEqual([]);
    for (const lines of [[], [line("put", 1)], [line("put", 2), line("expire", 2, 6_000)]]) {
      expect(rules(check({ operations, ...watching(lines) }, { reads }))).toEqual(["watch"]);
      expect(check({ operations, ...watching(lines, 9_000) }, { reads })).toEqual([]);
    }
    const gone = { operations: [put(1), remove(2)], ...watching([line("put", 1)]) };
    expect(rules(check(gone, { reads: [read([])] }))).toEqual(["watch"]);
  });
});

describe("daemons", () => {
  it("do not end by themselves and log no bug", () => {
    expect(rules(check({ daemonEnds: [{ host: "beta-1", atMs: 5_000 }] }))).toEqual(["daemon"]);
    expect(rules(check({}, { bugLines: [{ host: "beta-1", line: "a bug" }] }))).toEqual(["daemon"]);
  });

  it("all answer in the end, and what is put is found at once", () => {
    expect(rules(check({}, { silent: [{ host: "beta-1", reason: "gone" }] }))).toEqual([
      "liveness",
    ]);
    const probe = { from: "alpha-1", at: "alpha-2", tookMs: 90, error: "" };
    expect(check({}, { probes: [probe] })).toEqual([]);
    for (const given of [{ tookMs: 5_001 }, { tookMs: Infinity, error: "no answer" }])
      expect(rules(check({}, { probes: [{ ...probe, ...given }] }))).toEqual(["liveness"]);
  });
});

describe("a violation", () => {
  it("comes with what was done to its key and struck meanwhile, in order", () => {
    const history = {
      ...HISTORY,
      operations: [put(1), put(3, { key: "other" }), remove(40)],
      faults: [
        fault({ type: "cut", site: "beta", fromMs: 20_000, toMs: 30_000 }),
        fault({ fromMs: 70_000, toMs: 80_000 }),
      ],
    };
    const [violation] = check(history, { reads: [read([1])] });
    expect(explainViolation(violation!, history)).toEqual([
      "resurrected: key: put 1 is read, which was removed, at beta-1",
      "    1.00 s put 1 at alpha-1, copies 2, ttl 3600 s: acknowledged after 100 ms, version 1 on s-alph s-beta s-gamm",
      "   20.00 s -- cut beta for 10.0 s",
      "   40.00 s remove at alpha-1: acknowledged after 100 ms",
    ]);
  });

  it("can be of every rule", () => {
    // Each is brought about above; a rule nobody tests would not be in this list.
    expect([...RULES].toSorted()).toEqual(
      [
        ...["copies", "daemon", "diverged", "expired", "host-set", "invented"],
        ...["liveness", "lost", "one-subnet", "resurrected", "table", "watch"],
      ].toSorted(),
    );
  });
});
