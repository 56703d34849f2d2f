import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MUTANTS } from "../../../sim/overlay/mutants.ts";
import type { Trial } from "./fixtures/mutant-trial.ts";

const ROOT = join(import.meta.dirname, "../../..");

describe("a mutant", () => {
  it.each(MUTANTS)("$name is a change of code that stands there once", ({ patches }) => {
    for (const { file, from } of patches)
      expect(readFileSync(join(ROOT, file), "utf8").split(from).length - 1, file).toBe(1);
  });

  it("is caught within four small runs, by a promise that it breaks; the real code keeps all there", () => {
    const program = join(import.meta.dirname, "fixtures/mutant-trial.ts");
    const printed = execFileSync(process.execPath, [program], { encoding: "utf8" });
    const trials = printed
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Trial);
    expect(trials.map(({ name }) => name)).toEqual(MUTANTS.map(({ name }) => name));
    expect(trials.filter(({ seed }) => seed === 0)).toEqual([]);
    expect(trials.filter(({ real }) => real.length > 0)).toEqual([]);
  }, 120_000);
});
