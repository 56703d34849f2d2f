/** `causeway up`: the daemon, in the foreground. */
import { resolve } from "node:path";
import type { Config } from "../../config/settings.ts";
import type { Given } from "../../config/load.ts";
import { defaultConfigFile, ownSurroundings } from "../../paths.ts";
import { ConfigError, errorMessage } from "../../../platform/errors.ts";
import type { ParsedArguments } from "../../../platform/cli/arguments.ts";
import { defineCommand } from "../../../platform/cli/define-command.ts";
import { readToken } from "../values.ts";

export const upCommand = defineCommand({
  name: "up",
  summary: "Run the daemon in the foreground",
  operands: [],
  options: [
    { name: "state", value: "DIR", doc: "directory of keys, certificates, records", isPath: true },
    { name: "socket", value: "PATH", doc: "socket of the local API", isPath: true },
    { name: "interface", value: "IF", doc: "interface whose link to join" },
    {
      name: "join",
      value: "@FILE",
      doc: "token to join with; - reads standard input",
      isPath: true,
    },
    { name: "config", value: "FILE", doc: "YAML configuration", isPath: true },
    { name: "name", value: "NAME", doc: "name of this host" },
    { name: "port", value: "PORT", doc: "TCP port; the next one is used too; 0 takes free ones" },
    { name: "seed", value: "N", doc: "seed of waits and choices, to repeat a run" },
    { name: "no-wan", doc: "send no packet beyond the link" },
    { name: "open", doc: "let whoever is on the link join without a token" },
    { name: "print-config", doc: "print the resolved configuration as YAML, and end" },
    { name: "json", doc: "print one line of JSON when ready" },
  ],
  details: [
    "Logs go to standard error. SIGTERM and ^C stop the daemon gracefully, a second one at once;",
    "SIGHUP reloads the configuration. docs/configuration.md has every key.",
  ].join("\n"),
  async action(args, io) {
    const read = await createReader(args);
    const config = read();
    if (args.has("print-config")) {
      const { printConfig } = await import("../../config/print.ts");
      io.stdout(args.has("json") ? JSON.stringify(config) : printConfig(config));
      return 0;
    }
    const { runDaemon } = await import("../../run-daemon.ts");
    return runDaemon(
      { config, token: readJoinToken(args, config, (line) => io.stderr(line)), reread: read },
      () => {
        if (!args.has("json")) return;
        io.stdout(
          JSON.stringify({
            ready: true,
            pid: process.pid,
            socket: config.socket,
            state: config.state,
          }),
        );
      },
    );
  },
});

/** Reads the file and the flags anew at each call, so that SIGHUP sees what has changed. */
async function createReader(args: ParsedArguments): Promise<() => Config> {
  const { loadConfig } = await import("../../config/load.ts");
  const { createSettings } = await import("../../config/settings.ts");
  const surroundings = ownSurroundings();
  const { env } = surroundings;
  const usual = defaultConfigFile(surroundings);
  const asked = args.value("config");
  const file = resolve(asked ?? usual.path);
  const flags: Given = {
    state: args.value("state") ?? (env["CAUSEWAY_STATE"] || undefined),
    socket: args.value("socket") ?? (env["CAUSEWAY_SOCKET"] || undefined),
    interface: args.value("interface"),
    name: args.value("name"),
    port: wholeNumber(args.value("port")),
    seed: wholeNumber(args.value("seed")),
    wan: args.has("no-wan") ? false : undefined,
    open: args.has("open") ? true : undefined,
  };
  const isRequired = asked !== undefined || usual.isRequired;
  return () => loadConfig({ file, isRequired, flags, settings: createSettings(surroundings) });
}

/** What is no number is left as it is, for the settings to refuse. */
function wholeNumber(text: string | undefined): number | string | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : text;
}

/**
 * The token of `--join`, else that of the file the configuration names.
 *
 * The latter may be gone: a token serves once, and the configuration stays.
 */
function readJoinToken(
  args: ParsedArguments,
  config: Config,
  warn: (line: string) => void,
): string | null {
  const given = args.value("join");
  if (given !== undefined) return readToken(given);
  if (config.join === null) return null;
  try {
    return readToken(`@${config.join}`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    warn(`causeway: going on without a token: ${errorMessage(error)}`);
    return null;
  }
}
