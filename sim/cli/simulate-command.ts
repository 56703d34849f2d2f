/** `causeway sim bootstrap` and its like: one scenario, one run. */
import type { ParsedArguments } from "../../platform/cli/arguments.ts";
import type { Command } from "../../platform/cli/command.ts";
import { defineCommand } from "../../platform/cli/define-command.ts";
import { interruptible } from "../io/interruption.ts";
import { runMeasured } from "../io/measured-run.ts";
import type { MeasuredRun, RunEngine } from "../io/measured-run.ts";
import { ProgressReport } from "../io/progress-report.ts";
import { printScenario } from "../scenario/print.ts";
import type { Kind, Scenario } from "../scenario/scenario.ts";
import {
  RESULT_OPTIONS,
  printResult,
  themeOf,
  tryPlaces,
  writeResult,
  writeTopology,
} from "./result-options.ts";
import { SCENARIO_OPTIONS, scenarioFrom } from "./scenario-options.ts";
import { TRACE_OPTIONS, openTrace } from "./trace-options.ts";
import type { OpenTrace } from "./trace-options.ts";

const DETAILS = [
  "Later ones win: the defaults, the file, options by name, --set. Same scenario and seed, same results",
  'to the byte, but for the "run" block. docs/simulation.md has every field of a scenario and what the',
  "results mean.",
].join("\n");

export function createSimulateCommand(kind: Kind, summary: string, engine: RunEngine): Command {
  return defineCommand({
    name: `sim ${kind}`,
    summary,
    operands: [],
    options: [...SCENARIO_OPTIONS, ...RESULT_OPTIONS, ...TRACE_OPTIONS],
    details: DETAILS,
    async action(args, io) {
      const scenario = await scenarioFrom(args, kind);
      if (args.has("print")) {
        io.stdout(printScenario(scenario));
        return 0;
      }
      await tryPlaces(args);
      const trace = openTrace(args, scenario);
      const run = await simulate(engine, scenario, args, trace);
      printResult(run.result, args, io);
      trace?.file.keep();
      await writeResult(run.result, scenario, args);
      const topology = args.value("topology");
      if (topology !== undefined) await writeTopology(topology, run, themeOf(args));
      return 0;
    },
  });
}

async function simulate(
  engine: RunEngine,
  scenario: Scenario,
  args: ParsedArguments,
  trace: OpenTrace | null,
): Promise<MeasuredRun> {
  const progress = new ProgressReport(args.has("progress"));
  try {
    return await interruptible((signal) =>
      runMeasured(engine, scenario, {
        signal,
        trace: trace?.write,
        wantsEdges: args.value("topology") !== undefined,
        onProgress: (now) => progress.update(now),
      }),
    );
  } catch (error) {
    trace?.file.drop();
    throw error;
  } finally {
    progress.end();
  }
}
