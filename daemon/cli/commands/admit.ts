/** `causeway admit`: lets a host in that waits on this link. */
import type { AdmitAnswer, AdmitRequest } from "../../api/api-types.ts";
import { callApi } from "../../api/client.ts";
import { SOCKET_OPTION, clientSocket, printAnswer } from "../client-socket.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import { printable } from "../../../platform/cli/text-table.ts";

export const admitCommand = defineCommand({
  name: "admit",
  summary: "Let a host in that waits on this link",
  operands: [
    { name: "HOST", doc: "its id, at least 4 characters from the beginning, or its name" },
  ],
  options: [
    { name: "no-admit", doc: "the host that joins may not admit others" },
    JSON_OPTION,
    SOCKET_OPTION,
  ],
  details: [
    'A host that starts on the link of a locked overlay waits there: "causeway hosts --pending" lists',
    "such hosts. Anybody can choose a name, so compare the id with what that host's own",
    '"causeway status" shows. It joins within a second.',
  ].join("\n"),
  async action(args, io) {
    const socket = await clientSocket(args);
    const request: AdmitRequest = { host: args.operands[0] ?? "", mayAdmit: !args.has("no-admit") };
    const body = Buffer.from(JSON.stringify(request));
    const answer = await callApi<AdmitAnswer>({ socket, method: "POST", path: "/v1/admit", body });
    const { id, name } = answer.admitted;
    printAnswer(args, io, answer, () => [`admitted ${printable(name)}  ${id}`]);
    return 0;
  },
});
