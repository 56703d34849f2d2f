/** `causeway subnets`: every subnet known, the own one first. */
import type { SubnetsAnswer } from "../../api/api-types.ts";
import { callApi } from "../../api/client.ts";
import { SOCKET_OPTION, clientSocket, printAnswer } from "../client-socket.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import { renderTable } from "../../../platform/cli/text-table.ts";

export const subnetsCommand = defineCommand({
  name: "subnets",
  summary: "List the known subnets, this host's first",
  operands: [],
  options: [JSON_OPTION, SOCKET_OPTION],
  details: "",
  async action(args, io) {
    const socket = await clientSocket(args);
    const answer = await callApi<SubnetsAnswer>({ socket, method: "GET", path: "/v1/subnets" });
    printAnswer(args, io, answer, () =>
      renderTable(
        ["", "subnet", "version", "hosts"],
        answer.subnets.map(({ isSelf, id, hostSetVersion, hosts }) => [
          isSelf ? "*" : "",
          id,
          hostSetVersion,
          hosts.map((host) => host.name).join(", "),
        ]),
      ),
    );
    return 0;
  },
});
