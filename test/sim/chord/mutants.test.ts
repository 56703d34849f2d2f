/**
 * Chord with a known bug in each, made from patched sources: the checkers that the core passes must
 * find every one of them.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type * as Core from "../../../sim/chord/chord.ts";
import type * as Engine from "../../../sim/engine/simulation.ts";
import type { Scenario } from "../../../sim/scenario/scenario.ts";
import { scenarioOf } from "../scenarios.ts";

const SOURCES = fileURLToPath(new URL("../../../sim", import.meta.url));
const { chord, churn, workload } = scenarioOf();

interface Patch {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "chord-mutants-"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a core with a patch gives on the stages of the checkers. */
async function outcomesOf(
  name: string,
  patch: Patch | undefined,
): Promise<readonly Engine.Outcome[]> {
  const copy = join(folder, name);
  for (const part of ["chord", "engine", "results"])
    cpSync(join(SOURCES, part), join(copy, part), { recursive: true });
  if (patch !== undefined) {
    const path = join(copy, "chord", patch.file);
    const source = readFileSync(path, "utf8");
    expect(source.split(patch.from)).toHaveLength(2);
    writeFileSync(path, source.replace(patch.from, patch.to));
  }
  const load = async (path: string): Promise<unknown> =>
    import(/* @vite-ignore */ pathToFileURL(join(copy, path)).href);
  const { CHORD } = (await load("chord/chord.ts")) as typeof Core;
  const { Simulation } = (await load("engine/simulation.ts")) as typeof Engine;
  return STAGES.map((changes) => {
    const scenario = scenarioOf({ protocol: "chord", ...changes });
    const parts = { scenario, protocol: CHORD, matrix: [], churnTrace: [], trace: undefined };
    const simulation = new Simulation(parts);
    for (const _ of simulation.run());
    return simulation.outcome();
  });
}

/** With aggressive join and queries for ids; without it; and with a crash. */
const STAGES: readonly Partial<Scenario>[] = [
  { nodes: 100, durationS: 25, workload: { ...workload, target: "node" } },
  {
    ...{ nodes: 20, rate: 20, durationS: 40 },
    chord: {
      ...chord,
      ...{ isAggressive: false, stabilizeMs: [1000, 1000], fixFingersMs: [2000, 2000] },
    },
  },
  { nodes: 100, durationS: 50, churn: { ...churn, massFailure: { atS: 20, share: 0.3 } } },
];

/** What is wrong with a core, by its outcomes. */
function complaints([ring, slow, crash]: readonly Engine.Outcome[]): readonly string[] {
  const found: string[] = [];
  const check = (isRight: boolean, complaint: string): void => {
    if (!isRight) found.push(complaint);
  };
  const last = ({ samples }: Engine.Outcome): Engine.Outcome["samples"][number] => samples.at(-1)!;
  for (const [name, outcome] of Object.entries({ ring, slow, crash })) {
    const { accuracy, believedDelivery, correctDelivery } = last(outcome!);
    check(accuracy === 1, `${name}: some successor is wrong in the end`);
    check(believedDelivery! > 0.95, `${name}: queries are lost in the end`);
    check(correctDelivery === believedDelivery, `${name}: wrong nodes take queries in the end`);
  }
  const isEver = ({ believedDelivery, correctDelivery }: Engine.Outcome["samples"][number]) =>
    believedDelivery === correctDelivery;
  check(ring!.samples.every(isEver), "ring: wrong nodes take queries");
  const wrong = crash!.samples.reduce(
    (sum, { believedDelivery, correctDelivery }) => sum + believedDelivery! - correctDelivery!,
    0,
  );
  check(wrong < 0.01, "crash: wrong nodes take queries");
  check(last(ring!).meanHops! < 0.5 * Math.log2(100) + 1, "ring: queries take too many hops");
  return found;
}

describe("checkers of Chord", () => {
  it("have no complaint about the core", async () => {
    expect(complaints(await outcomesOf("core", undefined))).toEqual([]);
  });

  it.each<readonly [string, Patch]>([
    ["a missing NOTIFY", { file: "upkeep.ts", from: "    this.#notify(node);\n", to: "" }],
    [
      "a ring interval that takes in its open end",
      {
        file: "neighbours.ts",
        from: "return lower > lowerDistance(low[node]!, low[this.predecessors[row]!]!);",
        to: "return lower >= lowerDistance(low[node]!, low[this.predecessors[row]!]!);",
      },
    ],
    [
      "a ring interval without its closed end",
      {
        file: "routing.ts",
        from: "if (upper === BIAS && lower === BIAS) return node;",
        to: "if (upper === BIAS && lower === BIAS) return this.#nearest(node, this.neighbours.countOf(node), NONE);",
      },
    ],
    [
      "a node that claims keys while it does not know its predecessor",
      { file: "routing.ts", from: "if (count === 0) return node;", to: "return node;" },
    ],
    [
      "a node that claims what its successor owns",
      {
        file: "routing.ts",
        from: "return this.#nearest(node, count, skip);",
        to: "return node;",
      },
    ],
    [
      "a joiner whose owner does not tell the old predecessor",
      {
        file: "joining.ts",
        from: "outbox.send(node, old, TYPE.newSuccessor, 0, 0, 0, listOf(outbox.lists, joiner));",
        to: ";",
      },
    ],
    [
      "fingers that are never set",
      {
        file: "chord.ts",
        from: "else if (asked === TYPE.fixFinger) this.#routing.fingers.set(node, a, from);",
        to: "",
      },
    ],
    [
      "a dead successor that is kept",
      {
        file: "chord.ts",
        from: "this.#routing.forget(node, gone);",
        to: "this.#routing.fingers.forget(node, gone);",
      },
    ],
  ])("find %s", async (name, patch) => {
    const found = complaints(await outcomesOf(name.replaceAll(" ", "-"), patch));
    expect(found).not.toEqual([]);
  });
});
