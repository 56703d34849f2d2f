/** `causeway token`: lets one more host join from elsewhere. */
import type { TokenAnswer, TokenRequest } from "../../api/api-types.ts";
import { TTL_MS_MAX, TTL_MS_MIN } from "../../api/api-types.ts";
import { callApi } from "../../api/client.ts";
import { SOCKET_OPTION, clientSocket, printAnswer } from "../client-socket.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import { formatDuration, parseDuration } from "../values.ts";

export const tokenCommand = defineCommand({
  name: "token",
  summary: "Make a one-time token that lets another host join",
  operands: [],
  options: [
    { name: "ttl", value: "DURATION", doc: "how long it may be redeemed, 1s to 1d (default 1d)" },
    { name: "no-admit", doc: "the host that joins may not admit others" },
    JSON_OPTION,
    SOCKET_OPTION,
  ],
  details: [
    "The first token locks the overlay: from then on no host joins without one. Keep it out of command",
    'lines: write it to a file and start the other host with "causeway up --join @FILE".',
  ].join("\n"),
  async action(args, io) {
    const ttl = args.value("ttl");
    const request: TokenRequest = {
      mayAdmit: !args.has("no-admit"),
      ttlMs: ttl === undefined ? TTL_MS_MAX : parseDuration("--ttl", ttl, TTL_MS_MIN, TTL_MS_MAX),
    };
    const socket = await clientSocket(args);
    const body = Buffer.from(JSON.stringify(request));
    const answer = await callApi<TokenAnswer>({ socket, method: "POST", path: "/v1/token", body });
    printAnswer(args, io, answer, () => [answer.token]);
    io.stderr(`one host may redeem it within ${formatDuration(answer.expiresInMs)}`);
    return 0;
  },
});
