/** `causeway remove`: takes this host's own record back. */
import type { RemoveAnswer } from "../../api/api-types.ts";
import { callApi } from "../../api/client.ts";
import { SOCKET_OPTION, clientSocket, printAnswer } from "../client-socket.ts";
import { keyPath } from "../key.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import { KEY_OPERAND, SLOT_OPTION, slotOf } from "../record-options.ts";

export const removeCommand = defineCommand({
  name: "remove",
  summary: "Remove this host's record under a key",
  operands: [KEY_OPERAND],
  options: [SLOT_OPTION, JSON_OPTION, SOCKET_OPTION],
  details: "Records of other publishers stay: only who signed a record can remove it.",
  async action(args, io) {
    const query = new URLSearchParams({ slot: slotOf(args) });
    const path = `/v1/records/${await keyPath(args.operands[0] ?? "")}?${query.toString()}`;
    const socket = await clientSocket(args);
    const answer = await callApi<RemoveAnswer>({ socket, method: "DELETE", path });
    printAnswer(args, io, answer, () => [
      answer.removed ? "removed" : "this host has no such record",
    ]);
    return 0;
  },
});
