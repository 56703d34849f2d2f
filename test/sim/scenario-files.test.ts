import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseScenarioText } from "../../sim/scenario/assignments.ts";
import { resolveScenario } from "../../sim/scenario/resolve.ts";
import { parseSweepText } from "../../sim/sweep/sweep-file.ts";
import { planSweep, pointsOf } from "../../sim/sweep/sweep-plan.ts";

const FOLDER = join(import.meta.dirname, "../../sim/scenarios");
const FILES = readdirSync(FOLDER).map((name) => {
  const content = readFileSync(join(FOLDER, name), "utf8");
  return { name, content, isSweep: /^sweep:/m.test(content) };
});

describe("scenario files", () => {
  it.each(FILES.filter(({ isSweep }) => isSweep))(
    "$name is a sweep of which every point can be",
    ({ name, content }) => {
      const points = pointsOf(planSweep(parseSweepText(content, name), [1], [], "1.0.0"));
      expect(points.length).toBeGreaterThan(1);
    },
  );

  it.each(FILES.filter(({ isSweep }) => !isSweep))(
    "$name is a scenario that can be",
    ({ name, content }) => {
      expect(resolveScenario(parseScenarioText(content, name)).kind).toBe("bootstrap");
    },
  );
});
