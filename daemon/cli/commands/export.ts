/** `causeway export`: which services of this link may be had elsewhere. */
import type { ExportRequest } from "../../../bridge/index.ts";
import { ConfigError } from "../../../platform/errors.ts";
import type { DryRunAnswer } from "../../api/bridge-types.ts";
import { callApi, callApiLines } from "../../api/client.ts";
import { RemoteError } from "../../errors.ts";
import type { ParsedArguments } from "../../../platform/cli/arguments.ts";
import { SOCKET_OPTION, clientSocket, printAnswer } from "../client-socket.ts";
import type { CommandIo } from "../../../platform/cli/command.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import {
  HERE_OPTION,
  isRuleId,
  listRules,
  peersText,
  refuseTogether,
  REMOVE_OPTION,
  removeRule,
  setRule,
} from "../rule-view.ts";
import { renderTable } from "../../../platform/cli/text-table.ts";
import { untilInterrupted } from "../until-interrupted.ts";

const RULE_OPTIONS = ["name", "key", "to", "unlisted", "here"];

export const exportCommand = defineCommand({
  name: "export",
  summary: "Let services of this link be had in other subnets",
  operands: [
    {
      name: "TYPE",
      doc: "_http._tcp, http for short, or all; without it the rules are listed",
      isOptional: true,
    },
  ],
  options: [
    { name: "name", value: "GLOB", doc: "those of such names only: * any run, ? one character" },
    {
      name: "key",
      value: "K",
      doc: "found under this key too",
      isRepeatable: true,
    },
    {
      name: "to",
      value: "HOST|SUBNET",
      doc: "for these alone, by name or id (default every member)",
      isRepeatable: true,
    },
    { name: "unlisted", doc: "found by who knows the name or a key, not by type" },
    HERE_OPTION,
    { name: "dry-run", doc: "show what the rule would export, and set nothing" },
    REMOVE_OPTION,
    { name: "to-stream", doc: "write the services of this link as lines of JSON, until ^C" },
    JSON_OPTION,
    SOCKET_OPTION,
  ],
  details: [
    "Nothing is exported that no rule names. A rule belongs to the subnet: whichever of its hosts acts",
    "obeys it. Setting the same TYPE and --name again replaces the recipients, keys and listing.",
    "Rules add up: a service that two rules name may be had by whom either lets.",
    "",
    "--to finds a host by its name and keeps its id, so that nobody gets it by taking that name. With",
    "--to a record is sealed: no other host can read the service's name or type.",
    "",
    '"causeway export TYPE [--name GLOB] --remove" takes the rule away, as does its id in place of TYPE.',
    "",
    "--to-stream publishes nothing: each line is an object with event (add, remove), instance and type;",
    "add has subtypes, host, port, txt and addresses as well. docs/api.md has the form.",
    '"causeway import --from-stream" reads such lines.',
  ].join("\n"),
  async action(args, io) {
    const [type] = args.operands;
    const socket = await clientSocket(args);
    if (type === undefined) {
      const given = [...RULE_OPTIONS, "dry-run", "remove", "to-stream"].find((one) =>
        args.has(one),
      );
      if (given !== undefined)
        throw new ConfigError("TYPE", `is missing: --${given} of what type?`);
      return listRules(args, io, socket, "export");
    }
    if (args.has("remove")) return remove(args, io, socket, type);
    if (args.has("to-stream")) return writeStream(args, io, socket, type);
    if (args.has("dry-run")) return dryRun(args, io, socket, requestOf(args, type));
    return setRule(args, io, socket, requestOf(args, type));
  },
});

function requestOf(args: ParsedArguments, serviceType: string): ExportRequest {
  const name = args.value("name");
  return {
    type: "export",
    serviceType,
    ...(name === undefined ? {} : { name }),
    keys: args.values("key"),
    to: args.values("to"),
    isUnlisted: args.has("unlisted"),
    isHere: args.has("here"),
  };
}

function remove(
  args: ParsedArguments,
  io: CommandIo,
  socket: string,
  which: string,
): Promise<number> {
  refuseTogether(args, "remove", ["key", "to", "unlisted", "dry-run", "to-stream"]);
  if (!isRuleId(which)) return removeRule(args, io, socket, requestOf(args, which));
  refuseTogether(args, "remove", ["name", "here"]);
  return removeRule(args, io, socket, which);
}

async function dryRun(
  args: ParsedArguments,
  io: CommandIo,
  socket: string,
  request: ExportRequest,
): Promise<number> {
  const body = Buffer.from(JSON.stringify(request));
  const path = "/v1/rules/dry-run";
  const answer = await callApi<DryRunAnswer>({ socket, method: "POST", path, body });
  printAnswer(args, io, answer, () =>
    answer.services.length === 0
      ? ["nothing on this link fits; a rule would wait for it"]
      : renderTable(
          ["name", "type", "to", "under", "not exported because"],
          answer.services.map(({ instance, type, to, keys, isUnlisted, reason }) => [
            instance,
            type,
            peersText(to),
            [...keys, ...(isUnlisted ? [] : ["its type"])].join(", "),
            reason,
          ]),
        ),
  );
  return 0;
}

async function writeStream(
  args: ParsedArguments,
  io: CommandIo,
  socket: string,
  type: string,
): Promise<number> {
  refuseTogether(args, "to-stream", ["key", "to", "unlisted", "here", "dry-run"]);
  const query = new URLSearchParams({ type, name: args.value("name") ?? "*" });
  const path = `/v1/service-events?${query.toString()}`;
  return untilInterrupted(io, async (signal) => {
    for await (const line of callApiLines<EventLine>({ socket, method: "GET", path, signal })) {
      if (line.event === "error") throw new RemoteError(line.code ?? "", 500, line.message ?? "");
      io.stdout(JSON.stringify(line));
    }
  });
}

interface EventLine {
  readonly event: "add" | "remove" | "error";
  readonly code?: string;
  readonly message?: string;
}
