/** `causeway sim bootstrap` and its like: one scenario, one run. */
import type { Command } from "../../platform/cli/command.ts";
import { defineCommand } from "../../platform/cli/define-command.ts";
import { interruptible } from "../io/interruption.ts";
import { runMeasured } from "../io/measured-run.ts";
import type { RunEngine } from "../io/measured-run.ts";
import { ProgressReport } from "../io/progress-report.ts";
import { printScenario } from "../scenario/print.ts";
import type { Kind } from "../scenario/scenario.ts";
import { RESULT_OPTIONS, deliverResult } from "./result-options.ts";
import { SCENARIO_OPTIONS, scenarioFrom } from "./scenario-options.ts";

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
    options: [...SCENARIO_OPTIONS, ...RESULT_OPTIONS],
    details: DETAILS,
    async action(args, io) {
      const scenario = await scenarioFrom(args, kind);
      if (args.has("print")) {
        io.stdout(printScenario(scenario));
        return 0;
      }
      const progress = new ProgressReport(args.has("progress"));
      const result = await interruptible((signal) =>
        runMeasured(engine, scenario, { signal, onProgress: (now) => progress.update(now) }),
      ).finally(() => progress.end());
      await deliverResult(result, args, io);
      return 0;
    },
  });
}
