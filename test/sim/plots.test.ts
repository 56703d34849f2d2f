import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { rasterise } from "../../sim/io/rasterise.ts";
import { createAxis, tickLabel } from "../../sim/plots/axis.ts";
import { renderLinePlot } from "../../sim/plots/line-plot.ts";
import type { LinePlot } from "../../sim/plots/line-plot.ts";
import { deliveryPlot, deliveriesPlot } from "../../sim/plots/result-plots.ts";
import { meanInterval, studentT95 } from "../../sim/plots/student.ts";
import { renderRunsCsv, renderSamplesCsv } from "../../sim/results/csv.ts";
import { renderSummary } from "../../sim/results/summary.ts";
import { aResult } from "./fixtures/results.ts";

describe("confidence", () => {
  it("has the quantiles of the tables, also beyond ours", () => {
    // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2
    for (const [freedom, t] of [
      [1, 12.706],
      [9, 2.262],
      [30, 2.042],
      [31, 2.0395],
      [40, 2.021],
      [60, 2.0],
      [100, 1.984],
    ] as const)
      expect(studentT95(freedom)).toBeCloseTo(t, 3);
  });

  it("holds the mean of ten values", () => {
    const interval = meanInterval([4, 5, 6, 5, 5, 4, 6, 5, 5, 5]);
    expect(interval?.mean).toBe(5);
    // s = 2/3, 2.2622 * s / sqrt(10)
    expect(interval?.high).toBeCloseTo(5.4769, 4);
    expect(interval?.low).toBeCloseTo(4.5231, 4);
    expect(meanInterval([7])).toEqual({ mean: 7, low: 7, high: 7, count: 1 });
    expect(meanInterval([])).toBeNull();
  });
});

describe("axes", () => {
  it("end on ticks that people count in", () => {
    expect(createAxis("linear", [0, 1]).ticks).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(createAxis("linear", [3, 27]).ticks).toEqual([0, 5, 10, 15, 20, 25, 30]);
    expect(createAxis("linear", [-0.1, 0.1]).ticks).toEqual([-0.1, -0.05, 0, 0.05, 0.1]);
    expect(createAxis("linear", [5, 5]).from).toBeLessThanOrEqual(5);
    expect(createAxis("log", [1000, 128_000]).ticks).toEqual([1000, 10_000, 100_000, 1_000_000]);
    expect(createAxis("log", [2, 8]).ticks).toEqual([1, 2, 5, 10]);
    const axis = createAxis("log", [1000, 100_000]);
    expect(axis.place(10_000)).toBeCloseTo(0.5);
    expect([0.05, 20, 5000, 20_000, 2_500_000].map(tickLabel)).toEqual([
      "0.05",
      "20",
      "5000",
      "20k",
      "2.5M",
    ]);
  });
});

const PLOT: LinePlot = {
  title: 'a <b> & "c"',
  xLabel: "x",
  yLabel: "y",
  xScale: "linear",
  xHas: [],
  yHas: [0, 1],
  mark: { y: 0.95, label: "95 %" },
  series: [
    {
      name: "one",
      points: [
        { x: 0, y: 0.5, low: 0.4, high: 0.6 },
        { x: 5, y: 1, low: 1, high: 1 },
      ],
    },
    { name: "two", points: [{ x: 0, y: 0.2, low: 0.2, high: 0.2 }] },
  ],
};

describe("a plot", () => {
  it("escapes its texts, and has a band only where there is one", () => {
    const svg = renderLinePlot(PLOT, "auto");
    expect(svg).toContain("<title>a &lt;b&gt; &amp; &quot;c&quot;</title>");
    expect(svg.match(/<polygon/g)).toHaveLength(1);
    expect(svg.match(/<polyline/g)).toHaveLength(2);
    expect(svg).not.toContain("NaN");
    expect(svg).toContain("prefers-color-scheme: dark");
    expect(renderLinePlot(PLOT, "dark")).not.toContain("@media");
  });

  it("says so when there is nothing to show", () => {
    expect(renderLinePlot({ ...PLOT, series: [] }, "light")).toContain("nothing to show");
  });

  it("becomes a PNG with text in it, light or dark", async () => {
    const light = await rasterise(renderLinePlot(PLOT, "light"), 1);
    const dark = await rasterise(renderLinePlot(PLOT, "dark"), 1);
    const bare = await rasterise(renderLinePlot(PLOT, "light").replace(/<text.*?<\/text>/g, ""), 1);
    expect([...light.subarray(1, 4)]).toEqual([0x50, 0x4e, 0x47]);
    expect(Buffer.from(light).equals(dark)).toBe(false);
    // The font is ours: without one, texts would leave no trace.
    expect(light.length).toBeGreaterThan(bare.length + 1000);
  });

  it("has the mean over seeds at each sample's end", () => {
    const results = [5, 6, 7].map((seed) => aResult(`seed: ${seed}`));
    const [believed] = deliveryPlot({ name: "n", results }).series;
    expect(believed?.points.map(({ x }) => x)).toEqual([5, 10, 15]);
    expect(believed?.points[1]?.y).toBeCloseTo(0.96);
    // s = 0.01; t = 4.3027
    expect(believed?.points[1]?.high).toBeCloseTo(0.96 + (4.3027 * 0.01) / Math.sqrt(3), 5);
    expect(deliveriesPlot("t", [{ name: "a", results }]).series).toHaveLength(1);
  });
});

describe("tables", () => {
  it("have one row a sample, with what tells the runs apart", () => {
    const csv = renderSamplesCsv([aResult("seed: 5"), aResult("kademlia: {k: 8}")]);
    const rows = csv.trimEnd().split("\n");
    expect(rows).toHaveLength(7);
    expect(rows[0]).toBe(
      "version,kind,protocol,nodes,rate,durationS,seed,kademlia.k,traceHash,timeS,present,joined,believedDelivery,correctDelivery,meanHops,latencyP50Ms,latencyP90Ms,latencyP99Ms,messages,tableChanges,hostRetries,accuracy",
    );
    expect(rows[2]).toBe(
      "1.2.3,bootstrap,kademlia,1000,1000,16,5,16,0000000000000005,10,10,9,0.95,0.475,2.5,100,200,300,1000,100,0,",
    );
    expect(rows[4]).toContain(",1,8,0000000000000001,5,");
    expect(csv).not.toContain("v26");
  });

  it("quote what holds commas", () => {
    const [, row] = renderRunsCsv([aResult("chord: {stabilizeMs: [1, 2]}")]).split("\n");
    expect(row).toContain('"[1,2]"');
    expect(row).toContain(",10,730,2,20,5,9,0.25,,,,,,,12345");
  });

  it("are for people too", () => {
    const text = renderSummary(aResult()).join("\n");
    expect(text).toMatch(/^kademlia, 1000 nodes at 1000\/s, seed 1\n/);
    expect(text).toContain("convergence  not reached");
    expect(parse(JSON.stringify(aResult("seed: 7")))).toMatchObject({ convergenceTimeS: 10 });
  });
});
