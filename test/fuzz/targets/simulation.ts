/** What people hand to the simulator: scenarios, sweeps, traces, matrices, words; and its results. */
import { ConfigError } from "../../../platform/errors.ts";
import { utf8 } from "../../../platform/bytes.ts";
import {
  parseEventTypes,
  parseNodeRanges,
  parseTimeRange,
} from "../../../sim/results/event-filter.ts";
import { parseResult } from "../../../sim/results/result-file.ts";
import { parseScenarioText, parseSet } from "../../../sim/scenario/assignments.ts";
import { parseChurnTrace } from "../../../sim/scenario/churn-trace.ts";
import { parseDelayMatrix } from "../../../sim/scenario/delay-matrix.ts";
import { printScenario } from "../../../sim/scenario/print.ts";
import { resolveScenario } from "../../../sim/scenario/resolve.ts";
import { FIELD_PATHS } from "../../../sim/scenario/schema.ts";
import { parsePlan, renderPlan } from "../../../sim/sweep/plan-file.ts";
import { parseShare } from "../../../sim/sweep/slurm-batch.ts";
import { parseSeeds, parseSweepText } from "../../../sim/sweep/sweep-file.ts";
import { planSweep, pointsOf } from "../../../sim/sweep/sweep-plan.ts";
import { aResult } from "../../sim/fixtures/results.ts";
import { isSameValue, Violation, type FuzzTarget } from "../engine/target.ts";

const YAML_CODE = /\/node_modules\/yaml\//;
const YAML_WORDS = [": ", "- ", "\n", "\n  ", "{", "}", "[", "]", ", ", "&a ", "*a", "null", "~"];
const WORDS = [...YAML_WORDS, ...FIELD_PATHS, ".inf", "1e9", "0", "-1", "churn: ", "sweep: "];
const TEXT = {
  format: "text",
  bytesMax: 8192,
  dictionary: WORDS,
  refusals: [ConfigError],
} as const;

const scenario: FuzzTarget = {
  ...TEXT,
  name: "sim-scenario",
  covers: ["sim/scenario/assignments.ts parseScenarioText"],
  counts: YAML_CODE,
  seeds: () => [
    utf8(printScenario(resolveScenario([]))),
    utf8("kind: churn\nchurn: {model: weibull, reboot: {atS: 30}}\ndelay.changes: []\n"),
  ],
  run(bytes) {
    const resolved = resolveScenario(parseScenarioText(text(bytes), "a.yaml"));
    const again = resolveScenario(parseScenarioText(printScenario(resolved), "b.yaml"));
    if (!isSameValue(again, resolved)) throw new Violation("printed back it is another scenario");
  },
};

const assignment: FuzzTarget = {
  ...TEXT,
  name: "sim-set",
  covers: ["sim/scenario/assignments.ts parseSet"],
  counts: YAML_CODE,
  seeds: () => [utf8("kademlia.k=8"), utf8("churn.reboot={atS: 3, share: 0.5}")],
  run(bytes) {
    resolveScenario([parseSet(text(bytes))]);
  },
};

const sweep: FuzzTarget = {
  ...TEXT,
  name: "sim-sweep",
  covers: ["sim/sweep/sweep-file.ts parseSweepText", "sim/sweep/plan-file.ts parsePlan"],
  counts: YAML_CODE,
  seeds: () => [
    utf8("nodes: 5\nsweep: {rate: [1, 2], kademlia.k: [8, 16], seed: [1]}"),
    utf8("sweep: {churn.massFailure: [null, {atS: 1}]}\nprotocol: chord\n"),
  ],
  run(bytes) {
    const { axes, ...file } = parseSweepText(text(bytes), "s.yaml");
    // Thousands of points are no other than a few.
    const few = axes.slice(0, 2).map((axis) => ({ ...axis, values: axis.values.slice(0, 3) }));
    const plan = planSweep({ ...file, axes: few }, [1, 2], [], "1");
    const points = pointsOf(plan);
    if (!isSameValue(pointsOf(parsePlan(renderPlan(plan), "p")), points))
      throw new Violation("written down it is another sweep");
  },
};

const churnTrace: FuzzTarget = {
  ...TEXT,
  name: "sim-churn-trace",
  covers: ["sim/scenario/churn-trace.ts parseChurnTrace"],
  dictionary: ["up", "down", ",", "\n", "#", "0.5"],
  seeds: () => [utf8("0,0,up\n1.5,1,up\n2,0,down\n")],
  run(bytes) {
    const lines = parseChurnTrace(text(bytes), "t.csv", 100);
    if (lines.some(({ timeS, node }) => !(timeS >= 0) || !(node >= 0 && node < 100)))
      throw new Violation("a time or a node that is none");
    if (lines.some(({ timeS }, i) => timeS < (lines[i - 1]?.timeS ?? 0)))
      throw new Violation("not in order of time");
  },
};

const matrix: FuzzTarget = {
  ...TEXT,
  name: "sim-delay-matrix",
  covers: ["sim/scenario/delay-matrix.ts parseDelayMatrix"],
  dictionary: [",", "\n", "#", "0.5", "1"],
  seeds: () => [utf8("1,10.5\n20,0.1\n"), utf8("5")],
  run(bytes) {
    const rows = parseDelayMatrix(text(bytes), "m.csv");
    for (const row of rows)
      if (row.length !== rows.length || row.some((delayMs) => !(delayMs > 0)))
        throw new Violation("not a square of delays");
  },
};

const words: FuzzTarget = {
  ...TEXT,
  name: "sim-words",
  covers: [
    "sim/sweep/sweep-file.ts parseSeeds",
    "sim/sweep/slurm-batch.ts parseShare",
    "sim/results/event-filter.ts parseNodeRanges",
    "sim/results/event-filter.ts parseEventTypes",
    "sim/results/event-filter.ts parseTimeRange",
  ],
  bytesMax: 256,
  dictionary: ["..", ",", "/", "1", "4294967295"],
  seeds: () =>
    ["1..10", "1,4,7", "3/10", "10..12.5", "..", "find-node,timer 1"].map((word) => utf8(word)),
  run(bytes) {
    const word = text(bytes);
    const seeds = accepted(() => parseSeeds(word)) ?? [];
    if (new Set(seeds).size !== seeds.length) throw new Violation("a seed twice");
    const part = accepted(() => parseShare(word));
    if (part !== undefined && !(part.share < part.count)) throw new Violation("no such share");
    const ranges = accepted(() => parseNodeRanges(word)) ?? [];
    const types = accepted(() => parseEventTypes(word, ["find-node"])) ?? [];
    for (const type of types)
      if (!/^(?:find-node|timer \d+)$/.test(type)) throw new Violation(type);
    const times = accepted(() => parseTimeRange(word));
    for (const { from, to } of times === undefined ? ranges : [...ranges, times])
      if (!(from <= to)) throw new Violation("a range that ends before it begins");
  },
};

const result: FuzzTarget = {
  ...TEXT,
  name: "sim-result",
  covers: ["sim/results/result-file.ts parseResult"],
  seeds: () => [utf8(JSON.stringify(aResult()))],
  run(bytes) {
    parseResult(text(bytes));
  },
};

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}

function accepted<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

export const SIMULATION_TARGETS = [scenario, assignment, sweep, churnTrace, matrix, words, result];
