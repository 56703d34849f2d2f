/** `causeway sim overlay`: what the daemon ships, under faults, in virtual time. */
import type { ParsedArguments } from "../../platform/cli/arguments.ts";
import type { CommandIo } from "../../platform/cli/command.ts";
import { JSON_OPTION, defineCommand } from "../../platform/cli/define-command.ts";
import { interruptible } from "../io/interruption.ts";
import { StatusLine } from "../io/progress-report.ts";
import { MUTANTS } from "../overlay/mutants.ts";
import { runOverlayCommand } from "../overlay/overlay-command.ts";
import { FAULTS } from "../overlay/scenario.ts";

const SEEDS = 100;

export const overlayCommand = defineCommand({
  name: "sim overlay",
  summary: "Run the daemon's own overlay code under faults, and check what it promises",
  operands: [],
  options: [
    { name: "seeds", value: "N", doc: `runs with the seeds 1 to N; ${SEEDS} unless given` },
    { name: "seed", value: "S", doc: "this seed alone, with a trace of its events" },
    {
      name: "faults",
      value: "NAME,…",
      doc: `kinds of faults that may strike, all unless given: ${FAULTS.join(", ")}`,
    },
    {
      name: "mutant",
      value: "NAME",
      doc: "run with a known bug, which the checkers should find",
      choices: MUTANTS.map(({ name }) => name),
    },
    { name: "progress", doc: "show progress also where standard error is no terminal" },
    JSON_OPTION,
  ],
  details: [
    "Each failing seed is printed with the promise that was broken and the command that runs it again.",
    "Exit status 1 when a seed failed. docs/simulation-overlay.md says what is simulated, and what not.",
  ].join("\n"),
  action,
});

async function action(args: ParsedArguments, io: CommandIo): Promise<number> {
  const status = new StatusLine(args.has("progress"));
  const seed = args.value("seed");
  try {
    const { failed } = await interruptible((signal) =>
      runOverlayCommand(
        {
          seeds: Number(args.value("seeds") ?? SEEDS),
          seed: seed === undefined ? null : Number(seed),
          faults: (args.value("faults") ?? "").split(",").filter((name) => name !== ""),
          mutant: args.value("mutant") ?? null,
          isJson: args.has("json"),
        },
        { print: (line) => io.stdout(line), progress: (line) => status.show(() => line), signal },
      ),
    );
    return failed.length > 0 ? 1 : 0;
  } finally {
    status.end();
  }
}
