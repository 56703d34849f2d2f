/** `causeway bench soak`: runs it and says what came out. */
import { writeFileSync } from "node:fs";
import type { CommandIo } from "../../platform/cli/command.ts";
import { numberWithin, untilStopped } from "./interruption.ts";
import { reportLines, reportObject } from "../../platform/bench/report.ts";
import { drawSoak } from "./soak/curves.ts";
import { runSoak } from "./soak/soak-run.ts";

/** As given on the command line; absent for the default. */
export interface SoakArguments {
  readonly minutes: string | undefined;
  readonly seed: number;
  readonly isJson: boolean;
  readonly svgFile: string | undefined;
}

/** @returns the exit status: 0 when nothing grew, 1 when something did, 130 when stopped by ^C */
export async function runSoakBench(args: SoakArguments, io: CommandIo): Promise<number> {
  const { minutes = "60", seed, isJson, svgFile } = args;
  const durationMs = numberWithin("--minutes", minutes, 2, 10_000) * 60_000;
  return untilStopped(async (signal) => {
    const result = await runSoak({ durationMs, seed, signal, progress: (line) => io.stderr(line) });
    const { figures, puts, failedPuts, changes, warmUpMs, vitals } = result;
    if (svgFile !== undefined) {
      writeFileSync(svgFile, drawSoak(result));
      io.stderr(`picture written to ${svgFile}`);
    }
    const about = { durationMs, seed, warmUpMs, puts, failedPuts, changes };
    if (isJson)
      io.stdout(
        JSON.stringify({
          ...reportObject("soak", about, result),
          vitals: Object.fromEntries(vitals),
        }),
      );
    else {
      for (const line of reportLines(result)) io.stdout(line);
      io.stdout(`${puts} puts, ${failedPuts} failed, ${changes} hosts came or went`);
    }
    return figures.every(({ isPassed }) => isPassed) ? 0 : 1;
  }, io);
}
