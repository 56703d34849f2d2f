import { describe, expect, it } from "vitest";
import { Network, NS_PER_MS } from "../../../sim/engine/delay.ts";
import { TICK, TYPE } from "../../../sim/engine/engine-types.ts";
import { HostSets } from "../../../sim/engine/host-sets.ts";
import { Probes } from "../../../sim/engine/probes.ts";
import { RecordStore } from "../../../sim/engine/record-store.ts";
import { Simulation, type Outcome } from "../../../sim/engine/simulation.ts";
import { SubnetLan } from "../../../sim/engine/subnet-lan.ts";
import { SubnetRecords } from "../../../sim/engine/subnet-records.ts";
import { Subnets } from "../../../sim/engine/subnets.ts";
import { KADEMLIA } from "../../../sim/kademlia/kademlia.ts";
import type { Scenario } from "../../../sim/scenario/scenario.ts";
import { scenarioOf } from "../scenarios.ts";

const NODE = 1;
const RECORD = 5;
const QUESTION_MS = 100;

/** A subnet of four hosts, of which `copies` are to have each record. */
class Bed {
  readonly #subnets = new Subnets(new Uint8Array([4, 4]), 0, false);
  readonly hosts = new HostSets(this.#subnets, 1);
  readonly probes = new Probes(1);
  readonly store: RecordStore;
  readonly lan: SubnetLan;
  readonly records: SubnetRecords;
  nowMs = 0;
  readonly #due: { readonly atMs: number; readonly id: number }[] = [];

  constructor(copies: number) {
    this.hosts.begin(NODE);
    this.store = new RecordStore(copies, 7, this.#subnets, (subnet) => this.hosts.live[subnet]!);
    this.lan = new SubnetLan({
      ...{ hosts: this.hosts, subnets: this.#subnets },
      network: new Network(scenarioOf().delay, 1, 2),
      probes: this.probes,
      post: { bytesOf: (type) => 10 * type },
      outbox: {
        after: (node, delayNs, type, id) => {
          expect([node, type]).toEqual([NODE, TICK.inside]);
          this.#due.push({ atMs: this.nowMs + delayNs / NS_PER_MS, id });
        },
      },
      questionNs: QUESTION_MS * NS_PER_MS,
    });
    this.records = new SubnetRecords(this.store, this.lan);
  }

  /** Whatever is under way comes. */
  pass(): void {
    for (const { atMs, id } of this.#due.splice(0)) {
      this.nowMs = Math.max(this.nowMs, atMs);
      this.lan.onTimer(NODE, id);
    }
  }

  /** Whether a host has found the record, and when; undefined: it never hears. */
  find(host: number, meanwhile = (): void => {}): { isThere: boolean; ms: number } | undefined {
    const fromMs = this.nowMs;
    let found: { isThere: boolean; ms: number } | undefined;
    this.records.find(NODE, host, RECORD, (isThere) => {
      found = { isThere, ms: this.nowMs - fromMs };
    });
    meanwhile();
    this.pass();
    return found;
  }

  sent(type: number): number {
    expect(this.probes.lanBytes[type]).toBe(this.probes.lanMessages[type]! * 10 * type);
    return this.probes.lanMessages[type]!;
  }

  withRecord(): readonly number[] {
    return [0, 1, 2, 3].filter((host) => (this.store.hostsOf(NODE, RECORD) >>> host) & 1);
  }
}

describe("a host that is asked for a record", () => {
  it("has it at once, or a round trip in the LAN later from a sibling", () => {
    const bed = new Bed(1);
    bed.store.keep(NODE, RECORD);
    const [owner] = bed.withRecord();
    expect(bed.find(owner!)).toEqual({ isThere: true, ms: 0 });
    expect(bed.sent(TYPE.fetch)).toBe(0);
    const found = bed.find((owner! + 1) % 4)!;
    expect(found.isThere).toBe(true);
    expect(found.ms).toBeGreaterThanOrEqual(0.6);
    expect(found.ms).toBeLessThan(1);
    expect([bed.sent(TYPE.fetch), bed.sent(TYPE.fetched)]).toEqual([1, 1]);
  });

  it("waits for an answer that does not come when no sibling has it, and asks nobody when alone", () => {
    const bed = new Bed(1);
    expect(bed.find(2)).toEqual({ isThere: false, ms: QUESTION_MS });
    expect([bed.sent(TYPE.fetch), bed.sent(TYPE.fetched)]).toEqual([1, 0]);
    for (const host of [0, 1, 3]) bed.hosts.set(NODE, host, false);
    expect(bed.find(2)).toEqual({ isThere: false, ms: 0 });
    expect(bed.sent(TYPE.fetch)).toBe(1);
  });

  it("hears nothing once it is gone, and that it is not there when the sibling is", () => {
    const bed = new Bed(1);
    bed.store.keep(NODE, RECORD);
    const [owner] = bed.withRecord();
    const other = (owner! + 1) % 4;
    expect(bed.find(other, () => bed.hosts.set(NODE, other, false))).toBeUndefined();
    bed.hosts.set(NODE, other, true);
    expect(bed.find(other, () => bed.hosts.set(NODE, owner!, false))!.isThere).toBe(false);
    bed.hosts.set(NODE, owner!, true);
    expect(bed.find(other)).toBeDefined();
    expect(bed.find(other, () => bed.lan.forget(NODE))).toBeUndefined();
  });
});

describe("a record that comes to a host", () => {
  it("is with it at once if it is to keep it, and with its siblings one message later", () => {
    const bed = new Bed(2);
    const wanted = [0, 1, 2, 3].filter((host) => (bed.store.placeOf(NODE, RECORD) >>> host) & 1);
    const other = [0, 1, 2, 3].find((host) => !wanted.includes(host))!;
    bed.records.receive(NODE, wanted[0]!, RECORD);
    expect(bed.withRecord()).toEqual([wanted[0]]);
    bed.pass();
    expect(bed.withRecord()).toEqual(wanted);
    expect(bed.sent(TYPE.store)).toBe(1);
    bed.records.receive(NODE, other, RECORD);
    bed.pass();
    expect([bed.withRecord(), bed.sent(TYPE.store)]).toEqual([wanted, 1]);
    const unlucky = new Bed(2);
    unlucky.records.receive(NODE, other, RECORD);
    expect(unlucky.withRecord()).toEqual([]);
    unlucky.hosts.set(NODE, wanted[1]!, false);
    unlucky.pass();
    expect([unlucky.withRecord(), unlucky.sent(TYPE.store)]).toEqual([[wanted[0]], 2]);
  });
});

describe("hosts of which one goes", () => {
  it("tell each other once, and copy what too few have", () => {
    const bed = new Bed(2);
    bed.store.keep(NODE, RECORD);
    const [first, second] = bed.withRecord();
    bed.hosts.set(NODE, second!, false);
    expect(bed.lan.tell(NODE)).toBeGreaterThanOrEqual(0.3 * NS_PER_MS);
    bed.records.onHosts(NODE, NODE);
    expect(bed.withRecord()).toEqual([first]);
    bed.pass();
    expect(bed.withRecord()).toHaveLength(2);
    expect([bed.sent(TYPE.hostSet), bed.sent(TYPE.store), bed.records.copies]).toEqual([1, 1, 1]);
    for (const host of [0, 1, 2, 3]) bed.hosts.set(NODE, host, host === first);
    expect(bed.lan.tell(NODE)).toBe(0);
    expect(bed.sent(TYPE.hostSet)).toBe(1);
  });
});

describe("gets in subnets", () => {
  const { churn, delay, hosts, kademlia, records } = scenarioOf();

  function run(changes: Partial<Scenario>): Outcome {
    const scenario = scenarioOf({
      ...{ kind: "records", durationS: 60, nodes: 40, rate: 40 },
      ...{ kademlia: { ...kademlia, isExhaustive: true, alpha: 3 } },
      ...{ hosts: { ...hosts, perSubnet: 4 }, workload: { ...scenarioOf().workload } },
      records: { ...records, count: 100, putAtS: 10, getIntervalS: 1, copies: 1 },
      ...changes,
    });
    const parts = { scenario, protocol: KADEMLIA, matrix: [], churnTrace: [], trace: undefined };
    const simulation = new Simulation(parts);
    for (const _ of simulation.run());
    return simulation.outcome();
  }

  /** Messages of a type inside subnets. */
  function inside({ traffic }: Outcome, type: string): number {
    return traffic.find((line) => line.class === "lan" && line.type === type)?.messages ?? 0;
  }

  it("take a round trip in the LAN more where three of four hosts have to ask for it", () => {
    const quick = run({});
    const slow = run({ delay: { ...delay, lanMs: 40 } });
    const { gets, getHops, getLatencyMs } = quick.records!;
    expect(inside(quick, "fetch") / gets).toBeCloseTo(0.75, 1);
    expect(inside(quick, "fetched")).toBe(inside(quick, "fetch"));
    expect(getHops).toBeGreaterThan(1);
    const more = slow.records!.getLatencyMs!.p50 - getLatencyMs!.p50;
    expect(more).toBeGreaterThan(70);
    expect(more).toBeLessThan(100);
  });

  it("ask no sibling where all hosts have everything; what is put goes to three siblings", () => {
    const all = run({
      records: { ...records, count: 100, putAtS: 10, getIntervalS: 1, copies: 16 },
    });
    expect(inside(all, "fetch")).toBe(0);
    expect(inside(all, "store")).toBe(100 * 3 * 3);
  });

  it("tell of each host that came or went", () => {
    const busy = { ...churn, model: "exponential" as const, sessionS: 20, absenceS: 10, startS: 5 };
    const outcome = run({ churn: busy });
    expect(inside(outcome, "host-set")).toBeGreaterThan(160);
    expect(inside(outcome, "store")).toBeGreaterThan(outcome.records!.innerCopies);
  });
});
