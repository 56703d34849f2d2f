/** `causeway leave`: resigns from the overlay and stops the daemon. */
import { resolve } from "node:path";
import { ConfigError, errorCode } from "../../../platform/errors.ts";
import { defaultState, ownSurroundings } from "../../paths.ts";
import type { ParsedArguments } from "../../../platform/cli/arguments.ts";
import { SOCKET_OPTION, clientSocket, printAnswer } from "../client-socket.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import { stopDaemon } from "../stop-daemon.ts";

export const leaveCommand = defineCommand({
  name: "leave",
  summary: "Resign from the overlay and stop the daemon",
  operands: [],
  options: [
    { name: "forget", doc: "wipe the state directory too, host key included" },
    {
      name: "state",
      value: "DIR",
      doc: "what --forget wipes when no daemon runs",
      isPath: true,
    },
    JSON_OPTION,
    SOCKET_OPTION,
  ],
  details: [
    "The records of this host are handed over and its membership ends. With --forget and no daemon,",
    "the state directory is wiped without a goodbye; other hosts notice when they miss this one.",
  ].join("\n"),
  async action(args, io) {
    const isForgotten = args.has("forget");
    const socket = await clientSocket(args);
    try {
      const { pid, problem } = await stopDaemon(socket, "/v1/leave", { forget: isForgotten });
      if (problem !== undefined) io.stderr(`causeway: stopped, but ${problem}`);
      const answer = { left: problem === undefined, forgotten: isForgotten, pid };
      printAnswer(args, io, answer, () => [
        isForgotten ? "left the overlay and wiped the state" : "left the overlay",
      ]);
      return problem === undefined ? 0 : 1;
    } catch (error) {
      if (!isForgotten || errorCode(error) !== "ERR_DAEMON_ABSENT") throw error;
    }
    const path = await wipeState(args);
    printAnswer(args, io, { left: false, forgotten: true }, () => [`wiped ${path}`]);
    return 0;
  },
});

async function wipeState(args: ParsedArguments): Promise<string> {
  const path = resolve(args.value("state") ?? defaultState(ownSurroundings()));
  const { isStateDirectory, openStateDirectory } = await import("../../state-directory.ts");
  if (!isStateDirectory(path))
    throw new ConfigError("--state", `${path} is not a state directory of Causeway; nothing wiped`);
  openStateDirectory(path).wipe();
  return path;
}
