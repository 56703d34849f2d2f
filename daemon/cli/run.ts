/** From the command line to an exit status: 0 done, 1 it did not work, 2 the user's mistake. */
import { CodedError, ConfigError, errorCode, errorMessage } from "../../platform/errors.ts";
import { RemoteError } from "../errors.ts";
import type { CommandIo } from "../../platform/cli/command.ts";
import { findCommand } from "./commands.ts";

export async function runCli(args: readonly string[], io: CommandIo): Promise<number> {
  try {
    const [name, ...rest] = args;
    if (name === "--version" || name === "-V") {
      const { readVersion } = await import("../../platform/io/version.ts");
      io.stdout(readVersion());
      return 0;
    }
    if (name === undefined) throw new ConfigError("causeway", 'which command? See "causeway help"');
    if (name === "--help" || name === "-h") return await (await findCommand("help")).run(rest, io);
    return await (await findCommand(name)).run(rest, io);
  } catch (error) {
    io.stderr(`causeway: ${describe(error)}`);
    return exitStatus(error);
  }
}

function exitStatus(error: unknown): number {
  if (error instanceof ConfigError) return 2;
  const isUsersMistake =
    error instanceof RemoteError && /^ERR_(?:CONFIG|REQUEST_.*|BRIDGE_RULE)$/.test(error.code);
  return isUsersMistake ? 2 : 1;
}

/** A bug shows where it is; everything else says what it is about in one line. */
function describe(error: unknown): string {
  if (error instanceof CodedError || errorCode(error) !== undefined) return errorMessage(error);
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
