import { describe, expect, it } from "vitest";
import {
  runOverlayCommand,
  type OverlayOptions,
  type OverlayReport,
} from "../../../sim/overlay/overlay-command.ts";

async function run(
  given: Partial<OverlayOptions>,
  signal = new AbortController().signal,
): Promise<{ report: OverlayReport; lines: string[]; progress: string[] }> {
  const lines: string[] = [];
  const progress: string[] = [];
  const options = { seeds: 1, seed: null, faults: [], mutant: null, isJson: false, ...given };
  const report = await runOverlayCommand(options, {
    print: (line) => lines.push(line),
    progress: (line) => progress.push(line),
    signal,
  });
  return { report, lines, progress };
}

describe("sim overlay", () => {
  it("says that all promises were kept, and how far it is", async () => {
    const { report, lines, progress } = await run({ seeds: 1, faults: ["storm"] });
    expect(report.failed).toEqual([]);
    expect(progress).toEqual(["1 of 1 seeds, 0 failed"]);
    expect(lines.at(-1)).toMatch(/^1 seeds, \d+ s simulated, \d+ events: all promises kept, trace/);
  });

  it("replays one seed with its trace, and tells the same in one line of JSON", async () => {
    const { report, lines } = await run({ seed: 18 });
    expect(lines.length).toBe(report.events + 1);
    expect(lines[0]).toMatch(/h\d: starts$/);
    const json = await run({ seed: 18, isJson: true });
    expect(json.lines.length).toBe(1);
    expect(JSON.parse(json.lines[0]!)).toMatchObject({ traceHashes: report.traceHashes });
  });

  it("ends before the next seed when it is interrupted", async () => {
    expect((await run({ seeds: 5 }, AbortSignal.abort())).report.seeds).toBe(0);
  });

  it.each<[Partial<OverlayOptions>, string]>([
    [{ seeds: 0 }, "--seeds: 0 is not a whole number from 1 to 1000000"],
    [{ seeds: 1.5 }, "--seeds: 1.5"],
    [{ seed: -1 }, "--seed: -1 is not a whole number from 0 to 4294967295"],
    [{ faults: ["kill", "flood"] }, '--faults: no fault "flood"; there are kill, power'],
    [{ mutant: "none" }, '--mutant: no mutant "none"; there are tombstone-dropped'],
  ])("refuses %o", async (given, message) => {
    await expect(run(given)).rejects.toThrow(message);
  });
});
