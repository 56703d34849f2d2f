/**
 * The commands after `causeway sim`, by name, each loaded only when it is run or explained.
 *
 * A new one is a file that exports a `Command`, and a line here; `daemon/cli/commands/sim.ts` lists
 * them for the shells, which a test compares. `causeway bench sim` is the one named `bench`.
 */
import type { Command } from "../../platform/cli/command.ts";

export type SimCommands = Readonly<Record<string, () => Promise<Command>>>;

export const SIM_COMMANDS: SimCommands = {};
