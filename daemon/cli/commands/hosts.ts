/** `causeway hosts`: every host known, those of the own subnet first. */
import type { HostsAnswer, PendingAnswer } from "../../api/api-types.ts";
import { callApi } from "../../api/client.ts";
import type { ParsedArguments } from "../../../platform/cli/arguments.ts";
import type { CommandIo } from "../../../platform/cli/command.ts";
import { SOCKET_OPTION, clientSocket, printAnswer } from "../client-socket.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import { renderTable, shortId } from "../../../platform/cli/text-table.ts";

export const hostsCommand = defineCommand({
  name: "hosts",
  summary: "List the known hosts, those of this subnet first",
  operands: [],
  options: [
    { name: "pending", doc: "list the hosts that wait on this link to be let in" },
    JSON_OPTION,
    SOCKET_OPTION,
  ],
  details: '"causeway admit HOST" lets in one of those that --pending lists.',
  async action(args, io) {
    const socket = await clientSocket(args);
    if (args.has("pending")) return listPending(args, io, socket);
    const answer = await callApi<HostsAnswer>({ socket, method: "GET", path: "/v1/hosts" });
    printAnswer(args, io, answer, () =>
      renderTable(
        ["", "name", "host", "subnet", "addresses"],
        answer.hosts.map(({ isSelf, name, id, subnet, addresses }) => [
          isSelf ? "*" : "",
          name,
          id,
          shortId(subnet),
          addresses.join(" "),
        ]),
      ),
    );
    return 0;
  },
});

async function listPending(args: ParsedArguments, io: CommandIo, socket: string): Promise<number> {
  const answer = await callApi<PendingAnswer>({ socket, method: "GET", path: "/v1/pending" });
  printAnswer(args, io, answer, () =>
    answer.pending.length === 0
      ? ["no host waits on this link"]
      : renderTable(
          ["name", "host", "address", "waits"],
          answer.pending.map(({ name, id, address, waitingMs }) => [
            name,
            id,
            address,
            `${Math.round(waitingMs / 1000)} s`,
          ]),
        ),
  );
  return 0;
}
