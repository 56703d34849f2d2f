/** From the words after `causeway` to an exit status: 0 done, 1 it did not work, 2 the user's mistake. */
import type { Command, CommandIo } from "../../platform/cli/command.ts";
import { renderPairs } from "../../platform/cli/text-table.ts";
import { CodedError, ConfigError, errorCode, errorMessage } from "../../platform/errors.ts";
import { nearestNames } from "../../platform/nearest.ts";
import type { SimCommands } from "./commands.ts";

/** @param args  as the launcher hands them over: `sim bootstrap …`, or `bench sim …` */
export async function runSimCli(
  args: readonly string[],
  commands: SimCommands,
  io: CommandIo,
): Promise<number> {
  try {
    const [name, ...rest] = args[0] === "bench" ? ["bench", ...args.slice(2)] : args.slice(1);
    if (name === undefined)
      throw new ConfigError("causeway sim", 'what? "causeway sim help" lists what there is');
    if (["help", "--help", "-h"].includes(name)) return await help(rest, commands, io);
    return await (await find(name, commands)).run(rest, io);
  } catch (error) {
    io.stderr(`causeway: ${describe(error)}`);
    return error instanceof ConfigError ? 2 : 1;
  }
}

async function help(
  [name]: readonly string[],
  commands: SimCommands,
  io: CommandIo,
): Promise<number> {
  if (name !== undefined) {
    io.stdout((await find(name, commands)).usage);
    return 0;
  }
  // What is called as "bench sim" is no command of this kind.
  const own = Object.entries(commands).filter(([command]) => command !== "bench");
  const all = await Promise.all(own.map(([, load]) => load()));
  const rows = all.map((one): readonly [string, string] => [
    `  ${one.name.replace(/^sim /, "")}`,
    one.summary,
  ]);
  for (const line of [
    "Usage: causeway sim COMMAND [options]",
    "",
    "Simulates overlays of many nodes in virtual time.",
    "",
    ...renderPairs(rows),
    "",
    '"causeway sim help COMMAND" has the options of each.',
  ])
    io.stdout(line);
  return 0;
}

function find(name: string, commands: SimCommands): Promise<Command> {
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load !== undefined) return load();
  const near = nearestNames(name, Object.keys(commands));
  throw new ConfigError(
    name === "bench" ? '"bench sim"' : `"sim ${name}"`,
    near.length > 0
      ? `no such command; did you mean ${near.join(" or ")}?`
      : 'no such command; "causeway sim help" lists them',
  );
}

/** A bug shows where it is; everything else says what it is about in one line. */
function describe(error: unknown): string {
  if (error instanceof CodedError || errorCode(error) !== undefined) return errorMessage(error);
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
