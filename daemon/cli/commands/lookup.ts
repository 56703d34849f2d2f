/** `causeway lookup`: the way a query for a key takes through the overlay. */
import type { LookupAnswer } from "../../api/api-types.ts";
import { callApi } from "../../api/client.ts";
import { SOCKET_OPTION, clientSocket, printAnswer } from "../client-socket.ts";
import { keyPath } from "../key.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import { KEY_OPERAND } from "../record-options.ts";
import { count, renderTable, shortId } from "../../../platform/cli/text-table.ts";

export const lookupCommand = defineCommand({
  name: "lookup",
  summary: "Show the path of a query: subnets, hosts, times, multicast",
  operands: [KEY_OPERAND],
  options: [JSON_OPTION, SOCKET_OPTION],
  details: [
    "Role: holder (one of the subnets closest to the key) or cached (known from before).",
    "Resolved by: local (the asked host had it), sibling (another host of its subnet), multicast (a",
    "question to the whole link), none.",
  ].join("\n"),
  async action(args, io) {
    const path = `/v1/lookup/${await keyPath(args.operands[0] ?? "")}`;
    const socket = await clientSocket(args);
    const answer = await callApi<LookupAnswer>({ socket, method: "GET", path });
    printAnswer(args, io, answer, () => [
      `key ${answer.key}`,
      `${count(answer.records, "record")} in ${answer.tookMs} ms`,
      ...renderTable(
        ["role", "subnet", "host", "ms", "result", "resolved by", ""],
        answer.path.map(({ role, subnet, host, ms, result, resolvedBy, error = "" }) => [
          role,
          shortId(subnet),
          shortId(host),
          String(ms),
          result,
          resolvedBy,
          error,
        ]),
      ),
    ]);
    return 0;
  },
});
