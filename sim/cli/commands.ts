/**
 * The commands after `causeway sim`, by name, each loaded only when it is run or explained.
 *
 * A new one is a file that exports a `Command`, and a line here; `daemon/cli/commands/sim.ts` lists
 * them for the shells, which a test compares. `causeway bench sim` is the one named `bench`.
 */
import type { Command } from "../../platform/cli/command.ts";
import type { RunEngine } from "../io/measured-run.ts";

export type SimCommands = Readonly<Record<string, () => Promise<Command>>>;

/** The engine, which takes longer to load than the rest together. */
const engine: RunEngine = async (scenario, hooks) =>
  (await import("../io/run-simulation.ts")).runSimulation(scenario, hooks);

export const SIM_COMMANDS: SimCommands = {
  bootstrap: async () =>
    (await import("./simulate-command.ts")).createSimulateCommand(
      "bootstrap",
      "How fast an overlay forms when all nodes come at once",
      engine,
    ),
  churn: async () =>
    (await import("./simulate-command.ts")).createSimulateCommand(
      "churn",
      "How an overlay fares while nodes come and go, crash and reboot",
      engine,
    ),
  mdht: async () =>
    (await import("./simulate-command.ts")).createSimulateCommand(
      "mdht",
      "How an overlay fares whose nodes are subnets, while their hosts come and go",
      engine,
    ),
  load: async () =>
    (await import("./simulate-command.ts")).createSimulateCommand(
      "load",
      "How evenly subnets of unequal size bear messages and records",
      engine,
    ),
  records: async () =>
    (await import("./simulate-command.ts")).createSimulateCommand(
      "records",
      "What becomes of records while nodes, or hosts, come and go",
      engine,
    ),
  overlay: async () => (await import("./overlay-command.ts")).overlayCommand,
  sweep: async () => (await import("./sweep-command.ts")).sweepCommand,
  point: async () => (await import("./point-command.ts")).createPointCommand(engine),
  collect: async () => (await import("./collect-command.ts")).collectCommand,
  reproduce: async () => (await import("./reproduce-command.ts")).createReproduceCommand(engine),
  bench: async () => (await import("./bench-command.ts")).benchCommand,
};
