/** Completion scripts for three shells, made from the commands' own tables. */
import type { Command, OptionSpec } from "../../platform/cli/command.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

export function renderCompletion(shell: Shell, commands: readonly Command[]): string {
  switch (shell) {
    case "bash":
      return renderBash(commands);
    case "zsh":
      return renderZsh(commands);
    case "fish":
      return renderFish(commands);
  }
}

function optionsOf({ options = [] }: Command): readonly OptionSpec[] {
  return options;
}

/** What may follow the command itself, where that is a short list. */
function operandsOf({ name, words }: Command, commands: readonly Command[]): readonly string[] {
  if (name === "help") return commands.map((one) => one.name);
  return name === "completion" ? SHELLS : (words ?? []);
}

function renderBash(commands: readonly Command[]): string {
  const names = commands.map((one) => one.name).join(" ");
  const cases = commands.map((one) => {
    const words = [
      ...optionsOf(one).map((option) => `--${option.name}`),
      ...operandsOf(one, commands),
    ];
    return `    ${one.name}) words=${quote(words.join(" "))} ;;`;
  });
  const paths = namesWhere(commands, (option) => option.isPath === true);
  const others = namesWhere(
    commands,
    (option) => option.value !== undefined && option.isPath !== true,
  );
  return [
    "# bash completion for causeway",
    "_causeway() {",
    '  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" words=""',
    "  COMPREPLY=()",
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    COMPREPLY=($(compgen -W ${quote(`${names} --help --version`)} -- "$current"))`,
    "    return",
    "  fi",
    '  case "$previous" in',
    `    ${paths.join("|")}) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$current")); return ;;`,
    `    ${others.join("|")}) return ;;`,
    "  esac",
    '  case "${COMP_WORDS[1]}" in',
    ...cases,
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    "}",
    "complete -F _causeway causeway",
  ].join("\n");
}

function namesWhere(
  commands: readonly Command[],
  accepts: (option: OptionSpec) => boolean,
): readonly string[] {
  const options = commands.flatMap(optionsOf).filter(accepts);
  return [...new Set(options.map(({ name }) => `--${name}`))];
}

function renderZsh(commands: readonly Command[]): string {
  const rows = commands.map((one) => `    ${quote(`${one.name}:${one.summary}`)}`);
  const cases = commands.map((one) => {
    const specs = optionsOf(one).map((option) => quote(zshSpec(option)));
    const operands = operandsOf(one, commands);
    if (operands.length > 0) specs.push(quote(`1:value:(${operands.join(" ")})`));
    return `    ${one.name}) _arguments ${specs.join(" ")} ;;`;
  });
  return [
    "#compdef causeway",
    "_causeway() {",
    "  local -a commands",
    "  commands=(",
    ...rows,
    "  )",
    "  if (( CURRENT == 2 )); then",
    "    _describe 'command' commands",
    "    return",
    "  fi",
    "  local command=$words[2]",
    "  shift words",
    "  (( CURRENT-- ))",
    "  case $command in",
    ...cases,
    "  esac",
    "}",
    '_causeway "$@"',
  ].join("\n");
}

function zshSpec({ name, doc, value, choices, isPath, isRepeatable }: OptionSpec): string {
  const text = doc.replace(/[[\]:\\]/g, "\\$&");
  const action =
    choices === undefined ? (isPath === true ? "_files" : " ") : `(${choices.join(" ")})`;
  const more = isRepeatable === true ? "*" : "";
  return `${more}--${name}[${text}]${value === undefined ? "" : `:${value.toLowerCase()}:${action}`}`;
}

function renderFish(commands: readonly Command[]): string {
  const lines = ["# fish completion for causeway", "complete -c causeway -f"];
  for (const command of commands) {
    lines.push(
      `complete -c causeway -n __fish_use_subcommand -a ${command.name} -d ${quote(command.summary)}`,
    );
    const when = `-n ${quote(`__fish_seen_subcommand_from ${command.name}`)}`;
    const operands = operandsOf(command, commands);
    if (operands.length > 0)
      lines.push(`complete -c causeway ${when} -a ${quote(operands.join(" "))}`);
    for (const { name, doc, value, choices, isPath } of optionsOf(command)) {
      const argument = value === undefined ? "" : isPath === true ? " -r -F" : " -x";
      const among = choices === undefined ? "" : ` -a ${quote(choices.join(" "))}`;
      lines.push(`complete -c causeway ${when} -l ${name}${argument}${among} -d ${quote(doc)}`);
    }
  }
  return lines.join("\n");
}

/** Single quotes: all three shells take what is inside as it stands. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "’")}'`;
}
