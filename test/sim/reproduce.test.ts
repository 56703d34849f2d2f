import { describe, expect, it } from "vitest";
import { showSeconds } from "../../sim/reproduce/delivery-chapters.ts";
import { renderPage } from "../../sim/reproduce/page.ts";
import { reportPage } from "../../sim/reproduce/report.ts";
import { chainRounds, hubRounds, ringSize } from "../../sim/reproduce/slow-rings.ts";
import { planStudies, studiesOf } from "../../sim/reproduce/studies.ts";
import {
  longestRing,
  roundsChapter,
  successorEdges,
} from "../../sim/reproduce/topology-chapters.ts";
import { ownScenario, ownScenarioFile } from "../../sim/io/own-scenarios.ts";
import { readScenarioText } from "../../sim/io/input-files.ts";
import { parseSweepText } from "../../sim/sweep/sweep-file.ts";
import { planSweep, pointsOf } from "../../sim/sweep/sweep-plan.ts";
import { findings } from "./fixtures/results.ts";

const slowChord = await ownScenario("fig-2.6");

describe("the thesis' slow rings", () => {
  it("grow by one node a round: the hub (fig. 2.7)", () => {
    const rounds = hubRounds(slowChord);
    expect(rounds.map(ringSize)).toEqual([2, 3, 4, 5, 6, 6]);
    expect(rounds[0]).toEqual([1, 0, 0, 0, 0, 0]);
    expect(rounds[1]).toEqual([1, 5, 5, 5, 5, 0]);
    expect(rounds.at(-1)).toEqual([1, 2, 3, 4, 5, 0]);
  });

  it("grow by one node a round: the chain (fig. 2.8)", () => {
    const rounds = chainRounds(slowChord);
    expect(rounds.map(([first]) => first)).toEqual([5, 4, 3, 2, 1, 1]);
    expect(rounds.map(ringSize)).toEqual([2, 3, 4, 5, 6, 6]);
  });

  it("are said not to be as in the thesis when they grow by more", () => {
    const { differences } = roundsChapter("t", "x", [
      [1, 0, 0, 0],
      [1, 2, 3, 0],
    ]);
    expect(differences).toEqual(["Not as the thesis says: the ring's sizes are 2, 4."]);
  });
});

describe("successors", () => {
  it("are the first contacts that a node names; the largest cycle of them is the ring", () => {
    const edges = successorEdges([
      [0, 1],
      [0, 2],
      [1, 2],
      [2, 0],
      [3, 0],
      [4, 5],
      [5, 4],
    ]);
    expect(edges).toEqual([
      [0, 1],
      [1, 2],
      [2, 0],
      [3, 0],
      [4, 5],
      [5, 4],
    ]);
    expect(longestRing(edges)).toBe(3);
  });
});

describe("convergence times", () => {
  it("are shown as a span, with those that never come", () => {
    expect(showSeconds([15, 15])).toBe("15 s");
    expect(showSeconds([15, 20, null])).toBe("15 to 20 s, 1 of 3 never");
    expect(showSeconds([null])).toBe("never");
  });
});

describe("the report", () => {
  it("has a chapter for each figure and needs no other file", async () => {
    const studies = await planStudies({ isQuick: false, seeds: 2, version: "1.2.3" });
    const run = { threads: 1, cpuS: 1, wallS: 2, rssBytes: 3e6, host: "h", date: "d", node: "v26" };
    const found = new Map(
      studiesOf(studies).map(({ name, points }) => [
        name,
        points.map(({ scenario }) => ({ version: "1.2.3", ...findings(scenario), run })),
      ]),
    );
    const [result] = found.get("fig-2.1a")!;
    const snapshots = [{ name: "<a>", result: result!, successors: [[0, 1]] as const }];
    const html = renderPage(
      reportPage({
        ...{ studies, findings: found, snapshots, slowChord },
        ...{ isQuick: false, version: "1.2.3", foot: "here & now" },
      }),
    );
    for (const figure of ["2.1a", "2.1b", "2.2", "2.5", "2.6", "2.7", "2.8"])
      expect(html).toContain(`<h2>Figure ${figure}: `);
    expect(html).toContain("128,000");
    expect(html).toContain("4500 s (thesis)");
    expect(html).toContain("here &amp; now");
    expect(html).toContain('<meta name="viewport"');
    expect(html).toContain("prefers-color-scheme: dark");
    expect(html.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(
      /https?:|src=|<script|NaN/,
    );
  });

  it("knows for each run a key of its own, and the same one again", async () => {
    const settings = { isQuick: true, seeds: null, version: "1.2.3" };
    const keys = studiesOf(await planStudies(settings)).flatMap(({ points }) =>
      points.map(({ key }) => key),
    );
    expect(new Set(keys).size).toBe(keys.length);
    const again = studiesOf(await planStudies(settings)).flatMap(({ points }) => points);
    expect(again.map(({ key }) => key)).toEqual(keys);
  });
});

describe("the file of fig. 2.2", () => {
  it("is a sweep over sizes and protocols", async () => {
    const text = await readScenarioText(ownScenarioFile("fig-2.2"));
    const points = pointsOf(planSweep(parseSweepText(text, "fig-2.2"), [1], [], "1.2.3"));
    expect(points).toHaveLength(16);
    expect(points.map(({ scenario }) => scenario.nodes)).toContain(128_000);
  });
});
