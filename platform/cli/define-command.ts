/** Makes a `Command` from its table: help text, argument parsing, and the options all share. */
import { parseArguments } from "./arguments.ts";
import type { ParsedArguments } from "./arguments.ts";
import type { Command, CommandIo, OperandSpec, OptionSpec } from "./command.ts";

export const JSON_OPTION: OptionSpec = {
  name: "json",
  doc: "print the result as one line of JSON",
};
const HELP_OPTION: OptionSpec = { name: "help", doc: "show this help" };

export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  readonly operands: readonly OperandSpec[];
  /** Besides `--help`, which every command has. */
  readonly options: readonly OptionSpec[];
  /** Further paragraphs of the help, wrapped by hand. Empty for none. */
  readonly details: string;
  readonly action: (args: ParsedArguments, io: CommandIo) => Promise<number>;
}

export function defineCommand(spec: CommandSpec): Command {
  const { name, summary, operands, details, action, options: own, ...rest } = spec;
  rest satisfies Record<string, never>;
  const options = [...own, HELP_OPTION];
  const command: Command = {
    name,
    summary,
    options,
    get usage() {
      return renderUsage(name, summary, operands, options, details);
    },
    async run(args, io) {
      if (asksForHelp(args)) {
        io.stdout(command.usage);
        return 0;
      }
      return action(parseArguments(args, options, operands), io);
    },
  };
  return command;
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).some((arg) => arg === "--help" || arg === "-h");
}

function renderUsage(
  name: string,
  summary: string,
  operands: readonly OperandSpec[],
  options: readonly OptionSpec[],
  details: string,
): string {
  const shown = operands.map((one) => (one.isOptional === true ? `[${one.name}]` : one.name));
  const lines = [`Usage: ${["causeway", name, ...shown, "[options]"].join(" ")}`, "", summary];
  const rows = [
    ...operands.map((one): readonly [string, string] => [one.name, one.doc]),
    ...options.map((one): readonly [string, string] => [optionHead(one), one.doc]),
  ];
  const width = Math.max(...rows.map(([head]) => head.length));
  const render = ([head, doc]: readonly [string, string]): string =>
    `  ${head.padEnd(width)}  ${doc}`;
  if (operands.length > 0) lines.push("", ...rows.slice(0, operands.length).map(render));
  lines.push("", "Options:", ...rows.slice(operands.length).map(render));
  if (details !== "") lines.push("", details);
  return lines.join("\n");
}

function optionHead({ name, value, isRepeatable }: OptionSpec): string {
  const more = isRepeatable === true ? "..." : "";
  return value === undefined ? `--${name}` : `--${name} ${value}${more}`;
}
