import { parse } from "yaml";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../platform/errors.ts";
import { parseScenarioText, parseSet } from "../../sim/scenario/assignments.ts";
import { changedFields, fieldOf } from "../../sim/scenario/fields.ts";
import { refuseTooLarge } from "../../sim/scenario/memory.ts";
import { printScenario } from "../../sim/scenario/print.ts";
import { resolveScenario } from "../../sim/scenario/resolve.ts";
import type { Scenario } from "../../sim/scenario/scenario.ts";

function fromText(content: string, ...sets: readonly string[]): Scenario {
  return resolveScenario([...parseScenarioText(content, "a.yaml"), ...sets.map(parseSet)]);
}

describe("a scenario that says nothing", () => {
  it("has the thesis' values", () => {
    const scenario = resolveScenario([]);
    expect(scenario).toMatchObject({
      kind: "bootstrap",
      protocol: "kademlia",
      nodes: 1000,
      rate: 1000,
      durationS: 16,
      sampleS: 5,
      threads: 1,
      delay: { model: "jittered", baseMs: 50, jitter: 0.1, loss: 0, changes: [], partitions: [] },
      server: { count: 1, capacity: null, downFromS: null },
      churn: { model: "none", flashCrowd: null, massFailure: null, reboot: null },
      workload: { queryIntervalS: 1, queryDeviation: 0.1, target: "random" },
      chord: {
        isAggressive: true,
        routing: "iterative",
        successors: 8,
        stabilizeMs: [5000, 5000],
        fixFingersMs: [10_000, 10_000],
        joinDelayMs: 5000,
        joinRetries: 1,
      },
      kademlia: {
        k: 16,
        alpha: 1,
        b: 1,
        siblings: 8,
        siblingFactor: 5,
        replacements: 0,
        isExhaustive: false,
        disjointPaths: 1,
        pathVerdict: "frequent",
        redundantNodes: 16,
        refreshMs: 1_000_000,
        siblingPingMs: 0,
      },
    });
  });

  it("lasts until all have arrived and 15 s more, for Chord 20 s, with churn 300 s on top", () => {
    expect(fromText("nodes: 10000").durationS).toBe(25);
    expect(fromText("nodes: 10000\nprotocol: chord").durationS).toBe(30);
    const churn = fromText("nodes: 10000\nkind: churn");
    expect(churn.durationS).toBe(325);
    expect(churn.churn).toMatchObject({ model: "exponential", startS: 25, shape: 0.5 });
    expect(fromText("kind: churn\nchurn: {model: pareto}").churn.shape).toBe(3);
  });

  it("has sites of four hosts, or of one subnet", () => {
    expect(fromText("delay: {model: classes}").delay.perSite).toBe(4);
    expect(fromText("kind: mdht\ndelay: {model: classes}").delay.perSite).toBe(1);
    expect(fromText("delay: {model: classes, perSite: 9}").delay.perSite).toBe(9);
  });
});

describe("values", () => {
  it("may be nested, dotted, and set; what comes later wins", () => {
    const scenario = fromText(
      "kademlia: {k: 8}\nkademlia.alpha: 3\nchord:\n  stabilizeMs: [1000, 5000]\n",
      "kademlia.k=20",
      "chord.fixFingersMs=2000",
      "chord={isAggressive: false}",
    );
    expect(scenario.kademlia).toMatchObject({ k: 20, alpha: 3, b: 1 });
    expect(scenario.chord).toMatchObject({
      stabilizeMs: [1000, 5000],
      fixFingersMs: [2000, 2000],
      isAggressive: false,
    });
  });

  it("make a group that is null by default, and null takes it away again", () => {
    const text = "kind: churn\nchurn: {massFailure: {atS: 12}}";
    expect(fromText(text).churn.massFailure).toEqual({ atS: 12, share: 0.5 });
    expect(fromText(text, "churn.massFailure.share=0.25").churn.massFailure?.share).toBe(0.25);
    expect(fromText(text, "churn.massFailure=null").churn.massFailure).toBeNull();
  });

  it("are printed back as YAML that resolves to the same", () => {
    for (const text of [
      "",
      "kind: churn\nprotocol: chord\nchurn: {reboot: {atS: 30}, model: weibull}\nrate: 0.5",
      "delay:\n  model: matrix\n  matrixFile: 'a \"b\": #c'\n  changes: [{atS: 1, factor: 2}]",
      "delay: {partitions: [{fromS: 1, toS: 2, share: 0.5}]}\nserver: {downFromS: 3}",
    ]) {
      const scenario = fromText(text);
      expect(fromText(printScenario(scenario))).toEqual(scenario);
      expect(parse(printScenario(scenario))).toEqual(scenario);
    }
  });

  it("tell by name what is not as it is by default", () => {
    const scenario = fromText("kademlia: {k: 8}\nnodes: 5\nkind: churn\nchurn: {reboot: {atS: 3}}");
    expect(changedFields(scenario)).toEqual([
      "kind",
      "nodes",
      "churn.model",
      "churn.reboot.atS",
      "kademlia.k",
    ]);
    expect(fieldOf(scenario, "churn.reboot.atS")).toBe(3);
    expect(fieldOf(scenario, "churn.flashCrowd.atS")).toBeUndefined();
  });
});

it.each([
  ["nodes: 0", "a.yaml: nodes: 0 is not allowed; allowed: a whole number from 1 to"],
  ["rate: 0", "a.yaml: rate: 0 is not allowed; allowed: a number above 0"],
  ["rate: .nan", "a.yaml: rate: null is not allowed"],
  ["kademlia: {k: 0}", "a.yaml: kademlia.k: 0 is not allowed; allowed: a whole number from 1"],
  ["protocol: pastry", 'a.yaml: protocol: "pastry" is not allowed; allowed: chord, kademlia'],
  ["kind: fast", "allowed: bootstrap, churn, mdht, load, records"],
  ["nods: 5", "a.yaml: nods: unknown; did you mean nodes or"],
  ["kademlia: {kk: 5}", "a.yaml: kademlia.kk: unknown; did you mean kademlia.k"],
  ["workload: {target: victim}", "workload.target: victim: nobody is one; give adversary.kind"],
  [
    "protocol: chord\nadversary: {kind: sybil}\nchord: {routing: recursive}",
    "chord.routing: recursive is not for adversary.kind sybil; allowed: iterative",
  ],
  ["adversary: {kind: eclipse, victim: 1000}", "adversary.victim: 1000 is not one of the 1000"],
  ["kademlia: 5", "a.yaml: kademlia: 5 is not allowed; it is a group: k, alpha"],
  ["kademlia: null", "a.yaml: kademlia: null is not allowed; it is a group"],
  ["__proto__: {nodes: 5}", "a.yaml: __proto__: unknown"],
  ["constructor: {nodes: 5}", "a.yaml: constructor: unknown"],
  ["nodes: [1", "a.yaml:1:10: not valid YAML"],
  ["nodes: 5\n  rate: 3", "a.yaml:1:8: not valid YAML"],
  ["- 1", "a.yaml: [1] is not a mapping"],
  ["delay: {changes: [{atS: 1}]}", "entry 1: factor: allowed"],
  ["delay: {changes: [{atS: 2, factor: 1}, {atS: 1, factor: 1}]}", "put them in order of time"],
  ["delay: {partitions: [{fromS: 2, toS: 1, share: 1}]}", "fromS 2 is not before toS 1"],
  ["delay: {model: matrix}", "delay.matrixFile: is null; delay.model matrix needs a file"],
  ["kind: churn\nchurn: {model: trace}", "churn.traceFile: is null"],
  ["kind: churn\nchurn: {model: none}", "churn.model: none: nothing comes or goes"],
  ["kind: churn\nchurn: {model: pareto, shape: 1}", "churn.shape: 1 is not allowed for pareto"],
  ["kind: churn\nchurn: {flashCrowd: {nodes: 1000}}", "churn.flashCrowd.nodes: 1000 is not"],
  ["kind: churn\nchurn: {reboot: {atS: 999}}", "churn.reboot.atS: 999 is after the end"],
  ["sampleS: 100", "sampleS: 100 is longer than the run of 16 s"],
  ["rate: 1.0e-5", "durationS: the default, 100000015 s, is over"],
  [
    "{kind: mdht, delay: {model: classes, perSite: 4}}",
    "delay.perSite: 4 is not allowed where nodes are subnets, each a LAN of its own; allowed: 1",
  ],
  ["{kind: mdht, threads: 2}", "threads: subnets of 4 hosts run on one thread; allowed: 1"],
  [
    "{kind: records, threads: 2, records: {placement: two-choices}}",
    "threads: records are placed by two choices on one thread; allowed: 1",
  ],
  ["server: {downToS: 5}", "server.downFromS: is null"],
  ["server: {downFromS: 5, downToS: 5}", "server.downToS: 5 is not after downFromS 5"],
  ["chord: {stabilizeMs: [5, 1]}", "allowed: a number from 1 to"],
  [
    "{protocol: chord, chord: {routing: recursive}, hosts: {perSubnet: 4}}",
    "chord.routing: recursive is for one host a node, not 4; allowed: iterative",
  ],
  [
    "hosts: {virtualNodes: 1}",
    "hosts.virtualNodes: 1 is for subnets, and nodes are hosts; give hosts.perSubnet 2 to 16",
  ],
  ["hosts: {perSubnet: 4, virtualNodes: 17}", "hosts.virtualNodes: 17 is not allowed"],
  [
    "{adversary: {kind: sybil}, hosts: {perSubnet: 4, virtualNodes: 1}}",
    "hosts.virtualNodes: 1 is not for nodes that lie; allowed: 0",
  ],
])("refuses %j with what is wrong and what is allowed", (text, message) => {
  expect(() => fromText(text)).toThrow(ConfigError);
  expect(() => fromText(text)).toThrow(message);
});

it.each([
  ["nodes", '--set: "nodes" is not NAME=VALUE'],
  ["nodes=[", "--set nodes: "],
  ["nodes=&a [*a]", "--set nodes: "],
  ["nodes=many", '--set nodes: "many" is not allowed'],
  ["nodez=5", "--set nodez: unknown; did you mean nodes or"],
])("refuses --set %s", (set, message) => {
  expect(() => fromText("", set)).toThrow(message);
});

describe("memory", () => {
  it("says how many nodes fit when there are too many", () => {
    const scenario = fromText("nodes: 10000000");
    expect(() => refuseTooLarge(scenario, 1e9)).toThrow(
      "nodes: 10000000 nodes of kademlia need about 20.2 GB, and 1.0 GB are free here; 420000 fit",
    );
    const fitting = fromText("nodes: 420000");
    expect(() => refuseTooLarge(fitting, 1e9)).not.toThrow();
    expect(() => refuseTooLarge(fromText("nodes: 1"), 1000)).toThrow("; 0 fit");
  });

  it("is wanted for each of a subnet's nodes, and for what subnets know of each other", () => {
    const needs = (text: string): number => {
      const scenario = fromText(`nodes: 20000\nrate: 2000\ndurationS: 25\n${text}`);
      for (let bytes = 1e8; ; bytes += 1e7) {
        try {
          refuseTooLarge(scenario, bytes);
          return bytes;
        } catch {
          // more
        }
      }
    };
    // 471 MB were measured, and 213 MB with 5,000 subnets of four nodes each.
    const each = needs("hosts: {perSubnet: 4}");
    expect(each).toBeGreaterThan(471e6);
    expect(each).toBeLessThan(942e6);
    expect(needs("hosts: {perSubnet: 4, virtualNodes: 1}")).toBeGreaterThan(2 * each);
  });
});
