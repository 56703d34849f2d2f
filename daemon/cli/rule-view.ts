/** Rules of the bridge as people read them, and the calls that set and remove them. */
import type { RuleRequest } from "../../bridge/index.ts";
import type {
  PeerJson,
  RemovedRuleAnswer,
  RuleAnswer,
  RuleJson,
  RulesAnswer,
} from "../api/bridge-types.ts";
import { callApi } from "../api/client.ts";
import { ConfigError } from "../../platform/errors.ts";
import type { ParsedArguments } from "../../platform/cli/arguments.ts";
import { printAnswer } from "./client-socket.ts";
import type { CommandIo, OptionSpec } from "../../platform/cli/command.ts";
import { count, printable, renderTable, shortId } from "../../platform/cli/text-table.ts";

/** Rule ids of the bridge; a type never looks like one, since it has no such hyphen. */
const RULE_ID = /^[ei]-[a-z2-7]{8}$/;

/** Options that every command about rules has. */
export const HERE_OPTION: OptionSpec = {
  name: "here",
  doc: "a rule of this host alone, not of its subnet",
};
export const REMOVE_OPTION: OptionSpec = { name: "remove", doc: "take the rule away again" };

export function isRuleId(text: string): boolean {
  return RULE_ID.test(text);
}

/** @throws {ConfigError} when one of `others` was given besides `option` */
export function refuseTogether(
  args: ParsedArguments,
  option: string,
  others: readonly string[],
): void {
  const other = others.find((name) => args.has(name));
  if (other !== undefined) throw new ConfigError(`--${option}`, `does not go with --${other}`);
}

export async function listRules(
  args: ParsedArguments,
  io: CommandIo,
  socket: string,
  type: RuleJson["type"],
): Promise<number> {
  const all = await callApi<RulesAnswer>({ socket, method: "GET", path: "/v1/rules" });
  const rules = all.rules.filter(({ rule }) => rule.type === type);
  printAnswer(args, io, { rules }, () => {
    if (rules.length === 0)
      return [`no ${type} rules; "causeway ${type} --help" says how to set one`];
    return renderTable(
      ["rule", "selects", type === "export" ? "to" : "from", "how", "of", "matches"],
      rules.map(({ rule, source, matches }) => [
        rule.id,
        selectionText(rule),
        peersText(rule.type === "export" ? rule.to : rule.from),
        howText(rule),
        source === "subnet" ? "subnet" : source === "here" ? "this host" : "configuration",
        String(matches),
      ]),
    );
  });
  return 0;
}

export async function setRule(
  args: ParsedArguments,
  io: CommandIo,
  socket: string,
  request: RuleRequest,
): Promise<number> {
  const body = Buffer.from(JSON.stringify(request));
  const answer = await callApi<RuleAnswer>({ socket, method: "POST", path: "/v1/rules", body });
  printAnswer(args, io, answer, () => [
    `${answer.change === "same" ? "unchanged" : answer.change} ${describeRule(answer.rule)}; ${count(answer.matches, "service")} now`,
  ]);
  for (const note of answer.notes) io.stderr(`note: ${printable(note)}`);
  return 0;
}

/** @param which a rule's id, or what it was set with */
export async function removeRule(
  args: ParsedArguments,
  io: CommandIo,
  socket: string,
  which: string | RuleRequest,
): Promise<number> {
  const answer = await callApi<RemovedRuleAnswer>(
    typeof which === "string"
      ? { socket, method: "DELETE", path: `/v1/rules/${which}` }
      : {
          socket,
          method: "POST",
          path: "/v1/rules/remove",
          body: Buffer.from(JSON.stringify(which)),
        },
  );
  printAnswer(args, io, answer, () => [`removed ${describeRule(answer.removed)}`]);
  return 0;
}

export function peersText(peers: readonly PeerJson[]): string {
  if (peers.length === 0) return "everybody";
  return peers
    .map(({ type, id, name }) => (name === "" ? `${type}:${shortId(id)}` : name))
    .join(", ");
}

function describeRule(rule: RuleJson): string {
  const peers =
    rule.type === "export" ? `to ${peersText(rule.to)}` : `from ${peersText(rule.from)}`;
  return printable(`rule ${rule.id}: ${rule.type} ${selectionText(rule)} ${peers}`);
}

function selectionText(rule: RuleJson): string {
  if (rule.type === "export")
    return rule.name === "*" ? rule.serviceType : `${rule.serviceType} "${rule.name}"`;
  const keys = rule.keys.map((key) => `key "${key}"`);
  return [...rule.types, ...keys].join(", ");
}

function howText(rule: RuleJson): string {
  const words =
    rule.type === "export"
      ? [rule.isUnlisted ? "unlisted" : "listed", ...rule.keys.map((key) => `key "${key}"`)]
      : [rule.isDirect ? "direct" : "relay", ...(rule.isLocalOnly ? ["local-only"] : [])];
  return words.join(", ");
}
