/** Scenarios to test the engine and its protocols with. */
import type { Scenario } from "../../sim/scenario/scenario.ts";

/** The thesis' bootstrap of 200 nodes in two seconds, and what a test changes of it. */
export function scenarioOf(changes: Partial<Scenario> = {}): Scenario {
  return {
    ...{ kind: "bootstrap", protocol: "kademlia", nodes: 200, rate: 100, durationS: 10 },
    ...{ seed: 1, threads: 1, sampleS: 5 },
    delay: {
      ...{ model: "jittered", baseMs: 50, jitter: 0.1, isStable: false, asymmetry: 0, loss: 0 },
      ...{ matrixFile: null, changes: [], partitions: [], perSite: 4, slowShare: 0, slowMs: 30 },
      ...{ lanMs: 0.3, lanLoss: 0 },
    },
    server: {
      ...{
        count: 1,
        isInstant: false,
        capacity: null,
        queueMax: 100,
        downFromS: null,
        downToS: null,
        downCount: null,
      },
      retryMs: 1000,
    },
    churn: {
      ...{ model: "none", sessionS: 60, absenceS: 30, shape: 1, startS: 0, traceFile: null },
      ...{ flashCrowd: null, massFailure: null, reboot: null },
    },
    hosts: {
      ...{ perSubnet: 1, sizes: "equal", virtualNodes: 0 },
      ...{ noticeMs: 1200, questionMs: 100, staggerMs: 300, told: 8 },
    },
    adversary: { kind: "none", share: 0.1, fromS: 0, victim: 1, prefixBits: 16 },
    workload: { by: "node", queryIntervalS: 1, queryDeviation: 0.1, target: "random" },
    records: {
      ...{ count: 0, putAtS: 20, putSpreadS: 10, replicas: 3, copies: 2, placement: "plain" },
      ...{ bytes: 500, getIntervalS: 10, zipf: 0.8, repairS: 30 },
    },
    chord: {
      ...{ isAggressive: true, routing: "iterative", successors: 8, joinDelayMs: 5000 },
      ...{ joinRetries: 1, stabilizeMs: [5000, 5000], fixFingersMs: [10_000, 10_000] },
    },
    kademlia: {
      ...{ k: 16, alpha: 1, b: 1, siblings: 8, siblingFactor: 5, replacements: 0 },
      ...{
        isExhaustive: false,
        disjointPaths: 1,
        pathVerdict: "frequent",
        redundantNodes: 16,
        refreshMs: 1_000_000,
        siblingPingMs: 0,
      },
    },
    ...changes,
  } satisfies Scenario;
}
