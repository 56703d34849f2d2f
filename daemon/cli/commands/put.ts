/** `causeway put`: publishes a record. */
import { ConfigError } from "../../../platform/errors.ts";
import type { PutAnswer } from "../../api/api-types.ts";
import { TTL_MS_MAX, TTL_MS_MIN } from "../../api/api-types.ts";
import { callApi } from "../../api/client.ts";
import { COPIES_ALLOWED, parseCopies } from "../../copies.ts";
import type { ParsedArguments } from "../../../platform/cli/arguments.ts";
import { SOCKET_OPTION, clientSocket, printAnswer } from "../client-socket.ts";
import { keyPath } from "../key.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import { KEY_OPERAND, SLOT_OPTION, slotOf } from "../record-options.ts";
import { count } from "../../../platform/cli/text-table.ts";
import { parseDuration, readValue } from "../values.ts";

export const putCommand = defineCommand({
  name: "put",
  summary: "Publish a record",
  operands: [
    KEY_OPERAND,
    { name: "VALUE", doc: "the value, at most 4096 bytes; @FILE or - (standard input) reads it" },
  ],
  options: [
    { name: "ttl", value: "DURATION", doc: "lifetime, 1s to 1d (default 1h)" },
    SLOT_OPTION,
    {
      name: "copies",
      value: "POLICY",
      doc: "hosts of a subnet that keep it: one, all, demand, or a number (default 2)",
    },
    JSON_OPTION,
    SOCKET_OPTION,
  ],
  details: [
    "A value that begins with @ is written @@. A second put under the same key and slot replaces the",
    "first; other publishers and slots stand beside it.",
  ].join("\n"),
  async action(args, io) {
    const [key = "", value = ""] = args.operands;
    const path = `/v1/records/${await keyPath(key)}?${putQuery(args)}`;
    const body = readValue(value);
    const socket = await clientSocket(args);
    const answer = await callApi<PutAnswer>({ socket, method: "PUT", path, body });
    printAnswer(args, io, answer, () => [
      `version ${answer.version} stored on ${count(answer.storedOn.length, "subnet")} in ${answer.tookMs} ms`,
    ]);
    return 0;
  },
});

function putQuery(args: ParsedArguments): string {
  const query = new URLSearchParams();
  const ttl = args.value("ttl");
  if (ttl !== undefined)
    query.set("ttlMs", String(parseDuration("--ttl", ttl, TTL_MS_MIN, TTL_MS_MAX)));
  const copies = args.value("copies") ?? "2";
  if (parseCopies(copies) === undefined)
    throw new ConfigError("--copies", `"${copies}" is not allowed; allowed: ${COPIES_ALLOWED}`);
  query.set("copies", copies);
  const slot = slotOf(args);
  if (slot !== "") query.set("slot", slot);
  return query.toString();
}
