/**
 * The commands by name, each loaded only when it is run: what a command imports is most of the time
 * that it takes.
 */
import { ConfigError } from "../../platform/errors.ts";
import { nearestNames } from "../../platform/nearest.ts";
import type { Command } from "../../platform/cli/command.ts";

type Load = () => Promise<Command>;

const COMMANDS: Readonly<Record<string, Load>> = {
  init: async () => (await import("./commands/init.ts")).initCommand,
  up: async () => (await import("./commands/up.ts")).upCommand,
  down: async () => (await import("./commands/down.ts")).downCommand,
  leave: async () => (await import("./commands/leave.ts")).leaveCommand,
  token: async () => (await import("./commands/token.ts")).tokenCommand,
  admit: async () => (await import("./commands/admit.ts")).admitCommand,
  revoke: async () => (await import("./commands/revoke.ts")).revokeCommand,
  backup: async () => (await import("./commands/backup.ts")).backupCommand,
  restore: async () => (await import("./commands/restore.ts")).restoreCommand,
  status: async () => (await import("./commands/status.ts")).statusCommand,
  hosts: async () => (await import("./commands/hosts.ts")).hostsCommand,
  subnets: async () => (await import("./commands/subnets.ts")).subnetsCommand,
  export: async () => (await import("./commands/export.ts")).exportCommand,
  import: async () => (await import("./commands/import.ts")).importCommand,
  services: async () => (await import("./commands/services.ts")).servicesCommand,
  put: async () => (await import("./commands/put.ts")).putCommand,
  get: async () => (await import("./commands/get.ts")).getCommand,
  watch: async () => (await import("./commands/watch.ts")).watchCommand,
  remove: async () => (await import("./commands/remove.ts")).removeCommand,
  lookup: async () => (await import("./commands/lookup.ts")).lookupCommand,
  ping: async () => (await import("./commands/ping.ts")).pingCommand,
  explain: async () => (await import("./commands/explain.ts")).explainCommand,
  lab: async () => (await import("../lab/command.ts")).labCommand,
  bench: async () => (await import("../bench/command.ts")).benchCommand,
  sim: async () => (await import("./commands/sim.ts")).simCommand,
  completion: async () => (await import("./commands/completion.ts")).completionCommand,
  help: async () => (await import("./commands/help.ts")).helpCommand,
};

/** @throws {ConfigError} when there is no such command */
export async function findCommand(name: string): Promise<Command> {
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load !== undefined) return load();
  const near = nearestNames(name, Object.keys(COMMANDS));
  throw new ConfigError(
    `"${name}"`,
    near.length > 0
      ? `no such command; did you mean ${near.join(" or ")}?`
      : 'no such command; "causeway help" lists them',
  );
}

/** All commands, in the order of the help. */
export function loadCommands(): Promise<readonly Command[]> {
  return Promise.all(Object.values(COMMANDS).map((load) => load()));
}
