/**
 * Small runs of which every event is known by a hash.
 *
 * A change of the engine or of Kademlia that is not meant to change what happens leaves all of them as
 * they are. After one that is meant to, `SIM_GOLDEN=print npx vitest run test/sim/golden.test.ts`
 * prints what to put in `golden/runs.json`, and the commit says why.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { runSimulation } from "../../sim/io/run-simulation.ts";
import type { Scenario } from "../../sim/scenario/scenario.ts";
import { scenarioOf } from "./scenarios.ts";

const FILE = join(import.meta.dirname, "golden/runs.json");
const isPrinting = process.env["SIM_GOLDEN"] === "print";

const { adversary, chord, churn, delay, hosts, kademlia, records, server, workload } = scenarioOf();
const exhaustive = { ...kademlia, isExhaustive: true };

const RUNS: Readonly<Record<string, Partial<Scenario>>> = {
  "a bootstrap": { nodes: 150 },
  "distances on a plane, stable and asymmetric, digits of 3 bits": {
    delay: { ...delay, model: "coordinates", isStable: true, asymmetry: 0.2 },
    kademlia: { ...kademlia, b: 3, k: 8 },
  },
  "exhaustive joins, three requests at once, spare contacts": {
    kademlia: { ...exhaustive, alpha: 3, replacements: 4, siblings: 4 },
  },
  "exponential churn with loss": {
    churn: { ...churn, model: "exponential", sessionS: 8, absenceS: 3 },
    delay: { ...delay, loss: 0.03 },
  },
  "Weibull churn, and delays that grow": {
    churn: { ...churn, model: "weibull", sessionS: 8, absenceS: 3, shape: 0.6, startS: 2 },
    delay: { ...delay, changes: [{ atS: 4, factor: 1.7 }] },
    kademlia: exhaustive,
  },
  "shifted Pareto churn, two servers overloaded": {
    churn: { ...churn, model: "pareto", sessionS: 8, absenceS: 3, shape: 3 },
    server: { ...server, count: 2, capacity: 15, queueMax: 10 },
  },
  "a partition and its end": {
    delay: { ...delay, partitions: [{ fromS: 3, toS: 6, share: 0.4 }] },
    kademlia: { ...exhaustive, siblings: 4, siblingFactor: 3 },
  },
  "a mass failure, then a reboot of half while the server is dead": {
    churn: {
      ...churn,
      massFailure: { atS: 3, share: 0.2 },
      reboot: { atS: 5, share: 0.5, spreadS: 1 },
    },
    server: { ...server, downFromS: 4, downToS: 7 },
    kademlia: { ...kademlia, siblingPingMs: 1000 },
  },
  "a flash crowd, queries for nodes": {
    nodes: 150,
    churn: { ...churn, flashCrowd: { atS: 5, nodes: 100, rate: 500 } },
    workload: { ...workload, target: "node", queryIntervalS: 0.5 },
  },
  "Chord that is asked for keys while nodes come and go": {
    protocol: "chord",
    churn: { ...churn, model: "exponential", sessionS: 15, absenceS: 4 },
  },
  "recursive Chord without aggressive join": {
    protocol: "chord",
    chord: { ...chord, routing: "recursive", isAggressive: false, stabilizeMs: [500, 1000] },
    durationS: 20,
  },
  "a reboot of everything": {
    churn: { ...churn, reboot: { atS: 5, share: 1, spreadS: 2 } },
    durationS: 15,
  },
  "four disjoint paths among liars": {
    adversary: { ...adversary, kind: "sybil", share: 0.2, fromS: 3 },
    kademlia: { ...kademlia, disjointPaths: 4, alpha: 2, pathVerdict: "nearest" },
  },
  "Chord whose fingers are poisoned": {
    protocol: "chord",
    adversary: { ...adversary, kind: "sybil", share: 0.1, fromS: 5 },
    workload: { ...workload, target: "node" },
    durationS: 15,
  },
  "unequal subnets that are several nodes each, whose hosts keep records and come and go": {
    ...{ nodes: 40, rate: 20, durationS: 40 },
    churn: { ...churn, model: "exponential", sessionS: 30, absenceS: 10, startS: 10 },
    delay: { ...delay, model: "coordinates", loss: 0.01 },
    hosts: { ...hosts, perSubnet: 4, sizes: "skewed", virtualNodes: 0.5 },
    workload: { ...workload, by: "host" },
    records: {
      ...records,
      count: 50,
      putAtS: 8,
      putSpreadS: 2,
      repairS: 5,
      placement: "two-choices",
    },
  },
  "sites of four nodes with a LAN, some behind slow lines": {
    delay: { ...delay, model: "classes", slowShare: 0.3, isStable: true, lanLoss: 0.02 },
    workload: { ...workload, queryIntervalS: 0.2 },
  },
};

interface Hashes {
  /** Of every event. */
  readonly trace: string;
  /** Of all that was found. */
  readonly outcome: string;
}

async function hashesOf(name: string, threads: number): Promise<Hashes> {
  const hooks = { matrix: [], churnTrace: [], trace: undefined, wantsEdges: false };
  const { signal } = new AbortController();
  const scenario = scenarioOf({ nodes: 80, rate: 40, ...RUNS[name], threads });
  const { outcome } = await runSimulation(scenario, { ...hooks, signal, onProgress() {} });
  const { scenario: _given, traceHash, ...found } = outcome;
  const digest = createHash("sha256").update(JSON.stringify(found)).digest("hex");
  return { trace: traceHash, outcome: digest.slice(0, 16) };
}

describe("a run that was hashed before", () => {
  const names = Object.keys(RUNS);
  const golden = JSON.parse(readFileSync(FILE, "utf8")) as Readonly<Record<string, Hashes>>;
  const found: Record<string, Hashes> = {};

  it.each(names)(
    "is the same on one and on two threads, subnets on one twice: %s",
    async (name) => {
      found[name] = await hashesOf(name, 1);
      if (!isPrinting) expect(found[name]).toEqual(golden[name]);
      const takesOne = (RUNS[name]?.hosts?.perSubnet ?? 1) > 1;
      expect(await hashesOf(name, takesOne ? 1 : 2)).toEqual(found[name]);
    },
  );

  it("has its place in the table, and no two are alike", () => {
    expect(Object.keys(golden)).toEqual(names);
    expect(new Set(Object.values(golden).map(({ trace }) => trace)).size).toBe(names.length);
  });

  afterAll(() => {
    if (isPrinting) console.log(JSON.stringify(found, null, 2));
  });
});
