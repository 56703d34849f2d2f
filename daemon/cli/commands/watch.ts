/** `causeway watch`: the records under a key, and every change of them, until interrupted. */
import type { WatchLine } from "../../api/api-types.ts";
import { callApiLines } from "../../api/client.ts";
import { RemoteError } from "../../errors.ts";
import { SOCKET_OPTION, clientSocket } from "../client-socket.ts";
import { keyPath } from "../key.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import { KEY_OPERAND } from "../record-options.ts";
import { printable, shortId } from "../../../platform/cli/text-table.ts";
import { untilInterrupted } from "../until-interrupted.ts";
import { formatRemaining } from "../values.ts";

export const watchCommand = defineCommand({
  name: "watch",
  summary: "Show the records under a key and each change, until ^C",
  operands: [KEY_OPERAND],
  options: [JSON_OPTION, SOCKET_OPTION],
  details:
    "With --json each event is one line: type (put, remove, expire) and the record's fields.",
  async action(args, io) {
    const path = `/v1/watch/${await keyPath(args.operands[0] ?? "")}`;
    const socket = await clientSocket(args);
    return untilInterrupted(io, async (signal) => {
      const lines = callApiLines<WatchLine>({ socket, method: "GET", path, signal });
      for await (const line of lines) {
        if (line.type === "error") throw new RemoteError(line.code, 500, line.message);
        io.stdout(args.has("json") ? JSON.stringify(line) : renderLine(line));
      }
    });
  },
});

function renderLine(line: Exclude<WatchLine, { readonly type: "error" }>): string {
  const head = `${line.type.padEnd(6)}  ${shortId(line.publisher)}  ${line.slot === "" ? "-" : line.slot}  ${line.version}`;
  if (line.type !== "put") return printable(head);
  const value = line.value ?? `base64:${line.valueBase64 ?? ""}`;
  return printable(`${head}  ${formatRemaining(line.expiresInMs)}  ${value}`);
}
