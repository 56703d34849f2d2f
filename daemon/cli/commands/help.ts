/** `causeway help`: the list of commands, or the help of one. */
import { findCommand, loadCommands } from "../commands.ts";
import { printAnswer } from "../client-socket.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import { renderPairs } from "../../../platform/cli/text-table.ts";

export const helpCommand = defineCommand({
  name: "help",
  summary: "Show the commands, or the help of one",
  operands: [{ name: "COMMAND", doc: "the command to explain", isOptional: true }],
  options: [JSON_OPTION],
  details: "",
  async action(args, io) {
    const [name] = args.operands;
    if (name !== undefined) {
      const { usage } = await findCommand(name);
      printAnswer(args, io, { command: name, usage }, () => [usage]);
      return 0;
    }
    const list = (await loadCommands()).map(({ name: command, summary }) => ({ command, summary }));
    printAnswer(args, io, { commands: list }, () => [
      "Usage: causeway COMMAND [options]",
      "",
      "Joins islands of network into one service fabric.",
      "",
      ...renderPairs(list.map(({ command, summary }) => [`  ${command}`, summary])),
      "",
      '"causeway help COMMAND" has the options of each, "causeway --version" the version.',
    ]);
    return 0;
  },
});
