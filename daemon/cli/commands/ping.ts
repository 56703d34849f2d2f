/** `causeway ping`: how far another host is, and how fast. */
import type { PingAnswer, PingRequest } from "../../api/api-types.ts";
import { callApi } from "../../api/client.ts";
import { SOCKET_OPTION, clientSocket, printAnswer } from "../client-socket.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import { parseBytes } from "../values.ts";

const BYTES_MAX = 1024 ** 3;

export const pingCommand = defineCommand({
  name: "ping",
  summary: "Measure the way to another host, direct or through a relay",
  operands: [
    { name: "HOST", doc: "id of a host, or the name or the beginning of the id of a known one" },
  ],
  options: [
    {
      name: "bytes",
      value: "SIZE",
      doc: "also send so much, such as 100MiB, and check that it is whole",
    },
    JSON_OPTION,
    SOCKET_OPTION,
  ],
  details: "",
  async action(args, io) {
    const bytes = parseBytes("--bytes", args.value("bytes") ?? "0", BYTES_MAX);
    const request: PingRequest = { host: args.operands[0] ?? "", bytes };
    const socket = await clientSocket(args);
    const body = Buffer.from(JSON.stringify(request));
    const answer = await callApi<PingAnswer>({ socket, method: "POST", path: "/v1/ping", body });
    printAnswer(args, io, answer, () => [
      `host ${answer.host}, ${answer.way}`,
      `connected in ${answer.connectMs} ms, round trip ${answer.roundTripMs} ms`,
      ...(answer.bytes > 0 ? [rateText(answer)] : []),
    ]);
    return 0;
  },
});

function rateText({ bytes, tookMs }: PingAnswer): string {
  const rate = bytes / 2 ** 20 / (tookMs / 1000);
  return `${bytes} bytes whole in ${tookMs} ms: ${rate.toFixed(1)} MiB/s`;
}
