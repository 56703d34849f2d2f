/** `causeway bench chaos`: runs it and says what came out. */
import { writeFileSync } from "node:fs";
import { ConfigError } from "../../platform/errors.ts";
import type { CommandIo } from "../../platform/cli/command.ts";
import { nearestNames } from "../../platform/nearest.ts";
import { runChaos } from "./chaos/chaos-run.ts";
import { FAULT_TYPES, type FaultType } from "./chaos/fault-types.ts";
import { chaosLines, chaosObject } from "./chaos/run-report.ts";
import { drawTimeline } from "./chaos/timeline.ts";
import { numberWithin, untilStopped } from "./interruption.ts";

/** As given on the command line; absent for the default. */
export interface ChaosArguments {
  readonly minutes: string | undefined;
  readonly seed: number;
  readonly sites: string | undefined;
  readonly hosts: string | undefined;
  readonly faults: string | undefined;
  readonly isJson: boolean;
  readonly svgFile: string | undefined;
}

/** @returns the exit status: 0 when no promise was broken, 1 when one was, 130 when stopped by ^C */
export async function runChaosBench(args: ChaosArguments, io: CommandIo): Promise<number> {
  const { minutes = "3", seed, sites = "4", hosts = "3", faults, isJson, svgFile } = args;
  const given = {
    durationMs: numberWithin("--minutes", minutes, 0.2, 1440) * 60_000,
    seed,
    sites: Math.floor(numberWithin("--sites", sites, 2, 8)),
    hosts: Math.floor(numberWithin("--hosts", hosts, 1, 8)),
    faults: pickFaults(faults),
  };
  return untilStopped(async (signal) => {
    const result = await runChaos({ ...given, signal, progress: (line) => io.stderr(line) });
    if (svgFile !== undefined) {
      writeFileSync(svgFile, drawTimeline(result));
      io.stderr(`picture written to ${svgFile}`);
    }
    if (isJson) io.stdout(JSON.stringify(chaosObject(result)));
    else for (const line of chaosLines(result)) io.stdout(line);
    return result.violations.length === 0 ? 0 : 1;
  }, io);
}

/** @throws {ConfigError} for a name that no fault has */
function pickFaults(names: string | undefined): readonly FaultType[] {
  if (names === undefined) return FAULT_TYPES;
  return names.split(",").map((name) => {
    const type = FAULT_TYPES.find((one) => one === name);
    if (type !== undefined) return type;
    const near = nearestNames(name, FAULT_TYPES);
    const hint = near.length > 0 ? `did you mean ${near[0]}?` : FAULT_TYPES.join(", ");
    throw new ConfigError("--faults", `no fault "${name}"; ${hint}`);
  });
}
