import { describe, expect, it } from "vitest";
import { fromHex } from "../../platform/bytes.ts";
import { parsePcap } from "../../daemon/bench/capture.ts";
import { drawChart, shareOf } from "../../platform/bench/chart.ts";
import { benchCommand } from "../../daemon/bench/command.ts";
import { createFigure, type FigureFields } from "../../daemon/bench/figure.ts";
import { mapLimited } from "../../daemon/bench/limited.ts";
import { BRIDGE_SECTIONS } from "../../daemon/bench/bridge/sections.ts";
import { OVERLAY_SECTIONS } from "../../daemon/bench/overlay/sections.ts";
import { reportLines, reportObject } from "../../platform/bench/report.ts";
import { maximum, median, percentile } from "../../daemon/bench/statistics.ts";

const FIELDS: FigureFields = {
  section: "join",
  name: "first <host>",
  unit: "ms",
  bar: 100,
  measured: 50,
  n: 3,
};

describe("percentiles", () => {
  it("are samples that were measured, by nearest rank", () => {
    const samples = [5, 1, 4, 2, 3];
    expect(median(samples)).toBe(3);
    expect(percentile(samples, 0.95)).toBe(5);
    expect(percentile(samples, 0.2)).toBe(1);
    expect(percentile([7], 0.99)).toBe(7);
    expect(maximum(samples)).toBe(5);
    expect(median([])).toBeNaN();
  });
});

describe("a figure", () => {
  it("passes on its bar and fails beyond it, either way", () => {
    const isPassed = (measured: number, sense: "at-most" | "at-least"): boolean =>
      createFigure({ ...FIELDS, measured, sense }).isPassed;
    expect([100, 100.1].map((ms) => isPassed(ms, "at-most"))).toEqual([true, false]);
    expect([100, 99.9].map((ms) => isPassed(ms, "at-least"))).toEqual([true, false]);
  });

  it("fails without a sample, and when it never came to pass", () => {
    expect(createFigure({ ...FIELDS, measured: NaN }).isPassed).toBe(false);
    expect(createFigure({ ...FIELDS, measured: NaN, sense: "at-least" }).isPassed).toBe(false);
    expect(createFigure({ ...FIELDS, measured: Infinity }).isPassed).toBe(false);
  });

  it("carries its ratio to the baseline", () => {
    const figure = createFigure({ ...FIELDS, baseline: { what: "ping", value: 25 } });
    expect(figure.ratio).toBe(2);
    expect(createFigure(FIELDS).ratio).toBeNull();
  });

  it("is a line for people and valid JSON for programs", () => {
    const never = createFigure({ ...FIELDS, measured: Infinity, name: "never" });
    const result = { figures: [createFigure(FIELDS), never], tables: [] };
    const lines = reportLines(result);
    expect(lines[1]).toMatch(/^pass +join +first <host> +50 ms +<= 100 ms/);
    expect(lines[2]).toMatch(/^FAIL +join +never +never/);
    const object = JSON.parse(JSON.stringify(reportObject("overlay", {}, result))) as unknown;
    expect(object).toMatchObject({ passed: 1, failed: 1, figures: [{}, { measured: null }] });
  });

  it("is drawn by how much of the allowed it takes", () => {
    expect(shareOf(createFigure(FIELDS))).toBe(0.5);
    expect(shareOf(createFigure({ ...FIELDS, measured: 300 }))).toBe(3);
    expect(shareOf(createFigure({ ...FIELDS, sense: "at-least", measured: 200 }))).toBe(0.5);
    expect(shareOf(createFigure({ ...FIELDS, bar: 0, measured: 0 }))).toBe(0);
    expect(shareOf(createFigure({ ...FIELDS, bar: 0, measured: 1 }))).toBeGreaterThan(1);
  });

  it("cannot break the picture with its name", () => {
    const svg = drawChart("a & b", [createFigure(FIELDS)]);
    expect(svg).toContain("first &#60;host&#62;");
    expect(svg).toContain("a &#38; b");
    expect(svg).not.toContain("<host>");
  });
});

describe("a capture", () => {
  /** By tcpdump 4.99.3: "hi" to 127.0.0.1 port 9999, "six" to ::1 port 9999, both UDP. */
  const PCAP = fromHex(
    "d4c3b2a102000400000000000000000000000400010000002204016b2d450c002c0000002c00000000000000000000000000000008004500001e125c400040112a717f0000017f000001e2f2270f000afe1d68692204016b394e0c00410000004100000000000000000000000000000086dd6008adea000b11400000000000000000000000000000000100000000000000000000000000000001de65270f000b001e736978",
  );

  it("gives the packets of a file that tcpdump wrote", () => {
    const packets = parsePcap(PCAP);
    expect(
      packets.map(({ payload, ...rest }) => [rest, new TextDecoder().decode(payload)]),
    ).toEqual([
      [expect.objectContaining({ type: "udp", source: "127.0.0.1", destinationPort: 9999 }), "hi"],
      [expect.objectContaining({ type: "udp", source: "0:0:0:0:0:0:0:1" }), "six"],
    ]);
  });

  it("leaves out an end that is cut off, wherever it is cut", () => {
    for (let length = 0; length < PCAP.length; length++)
      expect(parsePcap(PCAP.subarray(0, length)).length).toBeLessThan(2);
  });
});

describe("many calls", () => {
  it("are under way so many at once, their results in order", async () => {
    let running = 0;
    let most = 0;
    const results = await mapLimited([3, 1, 2, 0], 2, async (item) => {
      most = Math.max(most, ++running);
      for (let i = 0; i < item; i++) await Promise.resolve();
      running--;
      return item * 10;
    });
    expect(results).toEqual([30, 10, 20, 0]);
    expect(most).toBe(2);
  });

  it("fail as soon as one fails", async () => {
    const failing = mapLimited([1, 2], 1, () => Promise.reject(new Error("no")));
    await expect(failing).rejects.toThrow("no");
  });
});

describe("causeway bench", () => {
  it("names every section in its help", () => {
    for (const { name } of [...OVERLAY_SECTIONS, ...BRIDGE_SECTIONS])
      expect(benchCommand.usage).toMatch(RegExp(`\\b${name}\\b`));
  });
});
