/** `causeway revoke`: takes a host out of the overlay for good. */
import type { RevokeAnswer, RevokeRequest } from "../../api/api-types.ts";
import { callApi } from "../../api/client.ts";
import { SOCKET_OPTION, clientSocket, printAnswer } from "../client-socket.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import { count, printable } from "../../../platform/cli/text-table.ts";

export const revokeCommand = defineCommand({
  name: "revoke",
  summary: "Take a host out of the overlay for good",
  operands: [
    {
      name: "HOST",
      doc: "its id, at least 4 characters from the beginning, or its name; the whole id if not known",
    },
  ],
  options: [
    { name: "with-admitted", doc: "take out the hosts that it let in, too" },
    JSON_OPTION,
    SOCKET_OPTION,
  ],
  details: [
    "For a host that was lost, stolen or sold. Every other host hears of it, now or when it is back,",
    "and refuses it, its tokens and its records; its subnet gets another key. That cannot be taken back:",
    'the host may join again only under a new key ("causeway leave --forget" there, and a token).',
    "The first revocation locks the overlay, as the first token does.",
  ].join("\n"),
  async action(args, io) {
    const socket = await clientSocket(args);
    const withAdmitted = args.has("with-admitted");
    const request: RevokeRequest = { host: args.operands[0] ?? "", withAdmitted };
    const body = Buffer.from(JSON.stringify(request));
    const answer = await callApi<RevokeAnswer>({
      socket,
      method: "POST",
      path: "/v1/revoke",
      body,
    });
    const { id, name, kept, alsoRemoved, isContestable } = answer.revoked;
    printAnswer(args, io, answer, () => [`revoked ${printable(name || "a host")}  ${id}`]);
    if (kept > 0)
      io.stderr(`${count(kept, "host")} that it let in stay; --with-admitted takes out those too`);
    if (alsoRemoved > 0)
      io.stderr(`${count(alsoRemoved, "host")} that it let in were taken out too`);
    if (isContestable)
      io.stderr(
        "it is as near to the authority as this host, and could answer in kind; to be sure, run the " +
          "same on the host that made the overlay",
      );
    return 0;
  },
});
