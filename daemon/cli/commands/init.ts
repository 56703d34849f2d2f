/** `causeway init`: makes an overlay of one's own, before any daemon runs. */
import { hostname } from "node:os";
import { resolve } from "node:path";
import { ConfigError } from "../../../platform/errors.ts";
import { defaultState, ownSurroundings } from "../../paths.ts";
import { printAnswer } from "../client-socket.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";

const NAME = /^[^\p{Cc}]{1,63}$/u;

export const initCommand = defineCommand({
  name: "init",
  summary: "Make an overlay: its authority key and this host's membership",
  operands: [],
  options: [
    { name: "name", value: "NAME", doc: "name of the overlay (default: this machine's name)" },
    { name: "state", value: "DIR", doc: "state directory to make it in", isPath: true },
    JSON_OPTION,
  ],
  details: [
    'Not needed for a first try: "causeway up" makes an overlay when its link has none. No daemon may',
    "run on the state directory. Back up the authority key that this makes.",
  ].join("\n"),
  async action(args, io) {
    const name = args.value("name") ?? hostname().slice(0, 63);
    if (!NAME.test(name))
      throw new ConfigError("--name", "is not allowed; allowed: 1 to 63 printable characters");
    const path = resolve(args.value("state") ?? defaultState(ownSurroundings()));
    const { openStateDirectory } = await import("../../state-directory.ts");
    const { initOverlay } = await import("../../../overlay/index.ts");
    const state = openStateDirectory(path);
    try {
      const { overlayId, hostId } = await initOverlay(path, name);
      printAnswer(args, io, { overlayId, hostId, name, state: path }, () => [
        `overlay ${name}  ${overlayId}`,
        `host ${hostId}`,
      ]);
    } finally {
      state.close();
    }
    return 0;
  },
});
