/** `causeway completion`: a script that completes commands and options in a shell. */
import { loadCommands } from "../commands.ts";
import { SHELLS, renderCompletion } from "../completion-script.ts";
import type { Shell } from "../completion-script.ts";
import { printAnswer } from "../client-socket.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";

export const completionCommand = defineCommand({
  name: "completion",
  summary: "Print a completion script for a shell",
  operands: [{ name: "SHELL", doc: "bash, zsh or fish", choices: SHELLS }],
  options: [JSON_OPTION],
  details: [
    "bash: causeway completion bash > /etc/bash_completion.d/causeway",
    'zsh:  causeway completion zsh > "${fpath[1]}/_causeway"',
    "fish: causeway completion fish > ~/.config/fish/completions/causeway.fish",
  ].join("\n"),
  async action(args, io) {
    // parseArguments has checked it against SHELLS.
    const shell = args.operands[0] as Shell;
    const script = renderCompletion(shell, await loadCommands());
    printAnswer(args, io, { shell, script }, () => [script]);
    return 0;
  },
});
