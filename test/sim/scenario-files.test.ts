import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parseSweepText } from "../../sim/sweep/sweep-file.ts";
import { planSweep, pointsOf } from "../../sim/sweep/sweep-plan.ts";

const FOLDER = join(import.meta.dirname, "../../sim/scenarios");

it.each(readdirSync(FOLDER))("%s is a sweep of which every point can be", (name) => {
  const content = readFileSync(join(FOLDER, name), "utf8");
  const points = pointsOf(planSweep(parseSweepText(content, name), [1], [], "1.0.0"));
  expect(points.length).toBeGreaterThan(1);
});
