/** `causeway import`: which services of other subnets are shown on this link. */
import type { ImportRequest } from "../../../bridge/index.ts";
import { ConfigError } from "../../../platform/errors.ts";
import type { ParsedArguments } from "../../../platform/cli/arguments.ts";
import { SOCKET_OPTION, clientSocket } from "../client-socket.ts";
import type { CommandIo } from "../../../platform/cli/command.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import {
  HERE_OPTION,
  isRuleId,
  listRules,
  refuseTogether,
  REMOVE_OPTION,
  removeRule,
  setRule,
} from "../rule-view.ts";

const SELECTING = ["type", "key"];
const TREATING = ["from", "local-only", "direct"];

export const importCommand = defineCommand({
  name: "import",
  summary: "Show services of other subnets on this link",
  operands: [{ name: "RULE", doc: "with --remove: the id of a rule", isOptional: true }],
  options: [
    {
      name: "type",
      value: "TYPE",
      doc: "services of this type: _http._tcp, or http for short, or all",
      isRepeatable: true,
    },
    {
      name: "key",
      value: "K",
      doc: "services under this key: a name, or what export --key gave",
      isRepeatable: true,
    },
    {
      name: "from",
      value: "HOST|SUBNET",
      doc: "of these alone, by name or id (default of all)",
      isRepeatable: true,
    },
    { name: "local-only", doc: "shown on this host alone, not on its link" },
    { name: "direct", doc: "with the real address and port, where they can be reached" },
    HERE_OPTION,
    REMOVE_OPTION,
    { name: "from-stream", doc: "show what lines of JSON on standard input say, until they end" },
    JSON_OPTION,
    SOCKET_OPTION,
  ],
  details: [
    "Without options the rules are listed. A rule needs a type or a key; with both, services under the",
    "key that are of the type. Case, spaces and signs of a key do not matter. A rule belongs to the",
    "subnet: whichever of its hosts acts obeys it. Setting the same types and keys again replaces the",
    "rest.",
    "",
    'With --remove the same types and keys, or the id that "causeway import" lists.',
    "",
    "--from-stream publishes nothing: it reads what export --to-stream writes, shows it here, and",
    "withdraws it at end of file or ^C. A line that is wrong is told with its number, and the rest goes",
    "on; exit status 1 then.",
  ].join("\n"),
  async action(args, io) {
    const [rule] = args.operands;
    const socket = await clientSocket(args);
    if (args.has("from-stream")) {
      refuseTogether(args, "from-stream", [...SELECTING, ...TREATING, "here", "remove"]);
      const { feedFromStream } = await import("../service-stream.ts");
      return feedFromStream(args, io, socket);
    }
    if (args.has("remove")) return remove(args, io, socket, rule);
    if (rule !== undefined)
      throw new ConfigError("RULE", 'goes with --remove only; a type is given as "--type TYPE"');
    const given = [...SELECTING, ...TREATING, "here"].find((name) => args.has(name));
    if (given === undefined) return listRules(args, io, socket, "import");
    return setRule(args, io, socket, requestOf(args));
  },
});

function requestOf(args: ParsedArguments): ImportRequest {
  return {
    type: "import",
    types: args.values("type"),
    keys: args.values("key"),
    from: args.values("from"),
    isLocalOnly: args.has("local-only"),
    isDirect: args.has("direct"),
    isHere: args.has("here"),
  };
}

function remove(
  args: ParsedArguments,
  io: CommandIo,
  socket: string,
  rule: string | undefined,
): Promise<number> {
  refuseTogether(args, "remove", TREATING);
  if (rule === undefined) return removeRule(args, io, socket, requestOf(args));
  refuseTogether(args, "remove", [...SELECTING, "here"]);
  if (!isRuleId(rule))
    throw new ConfigError("RULE", `"${rule}" is no rule's id; "causeway import" lists them`);
  return removeRule(args, io, socket, rule);
}
