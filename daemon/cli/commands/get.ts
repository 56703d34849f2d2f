/** `causeway get`: the records under a key. */
import type { GetAnswer, RecordJson } from "../../api/api-types.ts";
import { callApi } from "../../api/client.ts";
import { SOCKET_OPTION, clientSocket, printAnswer } from "../client-socket.ts";
import { keyPath } from "../key.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import { KEY_OPERAND } from "../record-options.ts";
import { renderTable, shortId } from "../../../platform/cli/text-table.ts";
import { formatRemaining } from "../values.ts";

export const getCommand = defineCommand({
  name: "get",
  summary: "Show the records under a key",
  operands: [KEY_OPERAND],
  options: [JSON_OPTION, SOCKET_OPTION],
  details: "A key without records is no error.",
  async action(args, io) {
    const path = `/v1/records/${await keyPath(args.operands[0] ?? "")}`;
    const socket = await clientSocket(args);
    const answer = await callApi<GetAnswer>({ socket, method: "GET", path });
    printAnswer(args, io, answer, () =>
      answer.records.length === 0 ? ["no records"] : renderRecords(answer.records),
    );
    return 0;
  },
});

function renderRecords(records: readonly RecordJson[]): readonly string[] {
  return renderTable(
    ["publisher", "slot", "version", "expires in", "value"],
    records.map(({ publisher, slot, version, expiresInMs, value, valueBase64 = "" }) => [
      shortId(publisher),
      slot,
      String(version),
      formatRemaining(expiresInMs),
      value ?? `base64:${valueBase64}`,
    ]),
  );
}
