import { describe, expect, it } from "vitest";
import { renderDot, renderTopology } from "../../sim/plots/topology.ts";
import { layOutTopology } from "../../sim/plots/topology-layout.ts";
import {
  ALL_TIMES,
  isInRanges,
  parseNodeRanges,
  parseTimeRange,
} from "../../sim/results/event-filter.ts";

function distance([x1, y1]: readonly [number, number], [x2, y2]: readonly [number, number]) {
  return Math.hypot(x1 - x2, y1 - y2);
}

describe("the places of nodes", () => {
  it("are a ring in the order of the edges, where it is one", () => {
    // 0 -> 3 -> 1 -> 2 -> 0
    const places = layOutTopology([
      [0, 3],
      [3, 1],
      [1, 2],
      [2, 0],
    ]);
    for (const place of places.values()) expect(Math.hypot(...place)).toBeCloseTo(1);
    expect(distance(places.get(0)!, places.get(3)!)).toBeCloseTo(Math.SQRT2);
    expect(distance(places.get(0)!, places.get(1)!)).toBeCloseTo(2);
  });

  it("are a hub with a chain, as in figure 2.7: the hub in the middle, the chain outwards", () => {
    const places = layOutTopology([
      [1, 0],
      [2, 0],
      [3, 2],
      [4, 3],
    ]);
    expect(places.get(0)).toEqual([0, 0]);
    const radii = [1, 2, 3, 4].map((node) => Math.hypot(...places.get(node)!));
    expect(radii[0]).toBeCloseTo(radii[1]!);
    expect(radii[1]).toBeLessThan(radii[2]!);
    expect(radii[3]).toBeCloseTo(1);
  });

  it("are apart, each node having one, whatever the graph is", () => {
    const chain = Array.from({ length: 20_000 }, (_, i) => [i + 1, i] as const);
    expect(layOutTopology(chain).size).toBe(20_001);
    const twoRings = [
      [0, 1],
      [1, 0],
      [2, 3],
      [3, 2],
      [4, 4],
      [5, 4],
      [6, 9],
    ] as const;
    const places = [...layOutTopology(twoRings).entries()];
    expect(places.map(([node]) => node)).toEqual([0, 1, 2, 3, 4, 5, 6, 9]);
    for (const [a, first] of places)
      for (const [b, second] of places)
        if (a < b) expect(distance(first, second)).toBeGreaterThan(0.05);
    const many = layOutTopology([
      [0, 1],
      [0, 2],
      [1, 2],
    ]);
    expect(many.size).toBe(3);
  });
});

describe("a topology", () => {
  it("is written for Graphviz", () => {
    expect([...renderDot('a "b"\n', [[0, 1]])].join("")).toMatch(
      /^digraph "a {2}b {2}" \{[\s\S]* 0 -> 1;\n\}\n$/,
    );
  });

  it("is drawn, unless nobody could see anything", () => {
    const svg = renderTopology(
      "ring <1>",
      [
        [0, 1],
        [1, 0],
      ],
      "auto",
    );
    expect(svg.match(/<line /g)).toHaveLength(2);
    expect(svg.match(/<circle /g)).toHaveLength(2);
    expect(svg).not.toContain("NaN");
    const edges = Array.from({ length: 50_001 }, (_, i) => [i, i + 1] as const);
    expect(() => renderTopology("large", edges, "auto")).toThrow(
      /more than 50000 edges.*write a \.dot file/,
    );
    expect(renderTopology("empty", [], "light")).toContain("<svg");
  });
});

describe("a filter of events", () => {
  it("has nodes and times", () => {
    const nodes = parseNodeRanges("1,5..7");
    expect([0, 1, 4, 5, 7, 8].map((node) => isInRanges(nodes, node))).toEqual([
      false,
      true,
      false,
      true,
      true,
      false,
    ]);
    expect(parseTimeRange("10..12.5")).toEqual({ from: 10, to: 12.5 });
    expect(parseTimeRange("10..").to).toBe(Infinity);
    expect(parseTimeRange("..")).toEqual(ALL_TIMES);
  });

  it.each(["", "a", "5..1", "1,,2"])("has no nodes %j", (text) => {
    expect(() => parseNodeRanges(text)).toThrow(/^--trace-node: /);
  });

  it.each(["", "5", "9..1", "a..b"])("has no times %j", (text) => {
    expect(() => parseTimeRange(text)).toThrow(/^--trace-time: /);
  });
});
