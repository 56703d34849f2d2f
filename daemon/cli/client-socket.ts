/** Which daemon a client command asks, and how its answer is printed. */
import { resolve } from "node:path";
import { defaultConfigFile, defaultSocket, mentionsSocket, ownSurroundings } from "../paths.ts";
import type { ParsedArguments } from "../../platform/cli/arguments.ts";
import type { CommandIo, OptionSpec } from "../../platform/cli/command.ts";

export const SOCKET_OPTION: OptionSpec = {
  name: "socket",
  value: "PATH",
  doc: "socket of the daemon to ask",
  isPath: true,
};

/** `--socket`, else `$CAUSEWAY_SOCKET`, else the configuration file's, else the usual one. */
export async function clientSocket(args: ParsedArguments): Promise<string> {
  const given = args.value("socket");
  if (given !== undefined) return resolve(given);
  const surroundings = ownSurroundings();
  const { path } = defaultConfigFile(surroundings);
  if ((surroundings.env["CAUSEWAY_SOCKET"] ?? "") === "" && mentionsSocket(path)) {
    const { loadConfig } = await import("../config/load.ts");
    try {
      return loadConfig({ file: path }).socket;
    } catch {
      // A file broken since the daemon started is no reason not to find the daemon.
    }
  }
  return resolve(defaultSocket(surroundings));
}

/** One line of JSON with `--json`, else the lines for people. */
export function printAnswer(
  args: ParsedArguments,
  io: CommandIo,
  answer: object,
  render: () => readonly string[],
): void {
  if (args.has("json")) io.stdout(JSON.stringify(answer));
  else for (const line of render()) io.stdout(line);
}
