/** `causeway down`: stops the daemon; keys, membership and records stay for the next start. */
import { SOCKET_OPTION, clientSocket, printAnswer } from "../client-socket.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import { stopDaemon } from "../stop-daemon.ts";

export const downCommand = defineCommand({
  name: "down",
  summary: "Stop the daemon, keeping keys and state",
  operands: [],
  options: [JSON_OPTION, SOCKET_OPTION],
  details: "Returns when the daemon has handed over its records and is gone.",
  async action(args, io) {
    const { pid, problem } = await stopDaemon(await clientSocket(args), "/v1/down");
    if (problem !== undefined) io.stderr(`causeway: stopped, but ${problem}`);
    printAnswer(args, io, { stopped: true, pid }, () => [`stopped (process ${pid})`]);
    return 0;
  },
});
