/**
 * `causeway sim`: the simulator, a program of its own.
 *
 * The launcher starts it without us; this is what help and the shells know of it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import type { Command } from "../../../platform/cli/command.ts";
import { renderPairs } from "../../../platform/cli/text-table.ts";

/** Its commands, each with a line of help. */
export const SIM_WORDS: Readonly<Record<string, string>> = {
  bootstrap: "How fast an overlay forms when all nodes come at once",
  churn: "How an overlay fares while nodes come and go, crash and reboot",
  mdht: "How an overlay fares whose nodes are subnets, while their hosts come and go",
  load: "How evenly subnets of unequal size bear messages and records",
  records: "What becomes of records while nodes, or hosts, come and go",
  overlay: "Run the daemon's own overlay code under faults, and check what it promises",
  sweep: "Run a scenario with several values and seeds, and go on where it was interrupted",
  point: "Run single points of a sweep, as its engines do",
  collect: "Merge the finished points of a sweep into tables and plots",
  reproduce: "Simulate the thesis' figures anew, and compare them in one HTML report",
};

export const simCommand: Command = {
  name: "sim",
  summary: "Simulate overlays of up to a million nodes, and draw what comes out",
  words: Object.keys(SIM_WORDS),
  get usage() {
    return [
      "Usage: causeway sim COMMAND [options]",
      "",
      simCommand.summary,
      "",
      ...renderPairs(Object.entries(SIM_WORDS).map(([name, doc]) => [`  ${name}`, doc])),
      "",
      '"causeway sim help COMMAND" has the options of each; docs/simulation.md says what they mean.',
    ].join("\n");
  },
  async run(args, io) {
    if (["--help", "-h"].includes(args[0] ?? "")) {
      io.stdout(simCommand.usage);
      return 0;
    }
    const main = new URL(
      import.meta.url.endsWith(".ts") ? "../../../sim/main.ts" : "../../../sim/main.js",
      import.meta.url,
    );
    // A terminal sends ^C to both of us; the simulator decides what it means.
    const ignore = (): void => undefined;
    process.on("SIGINT", ignore);
    const child = spawn(process.execPath, [fileURLToPath(main), "sim", ...args], {
      stdio: "inherit",
    });
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    process.off("SIGINT", ignore);
    return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  },
};
