/** `causeway hosts`: every host known, those of the own subnet first. */
import type { HostsAnswer } from "../../api/api-types.ts";
import { callApi } from "../../api/client.ts";
import { clientSocket, printAnswer } from "../client-socket.ts";
import { JSON_OPTION, SOCKET_OPTION, defineCommand } from "../define-command.ts";
import { renderTable, shortId } from "../text-table.ts";

export const hostsCommand = defineCommand({
  name: "hosts",
  summary: "List the known hosts, those of this subnet first",
  operands: [],
  options: [JSON_OPTION, SOCKET_OPTION],
  details: "",
  async action(args, io) {
    const socket = await clientSocket(args);
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
