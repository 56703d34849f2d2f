/** `causeway restore`: makes a host again from its backup. */
import {
  chownSync,
  existsSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  type Stats,
} from "node:fs";
import { join, resolve } from "node:path";
import { ConfigError, errorCode, errorMessage } from "../../../platform/errors.ts";
import { createSystemClock } from "../../../platform/io/system-clock.ts";
import type { Restoration } from "../../../overlay/index.ts";
import { DaemonError } from "../../errors.ts";
import { PASSPHRASE_OPTION, readPassphrase, statePath } from "../backup-options.ts";
import { printAnswer } from "../client-socket.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import { count } from "../../../platform/cli/text-table.ts";

const ASIDE_MAX = 100;

export const restoreCommand = defineCommand({
  name: "restore",
  summary: 'Make a host again from a file of "causeway backup"',
  operands: [{ name: "FILE", doc: "the backup" }],
  options: [
    PASSPHRASE_OPTION,
    { name: "state", value: "DIR", doc: "state directory to make", isPath: true },
    { name: "force", doc: "move a state directory that is there aside" },
    JSON_OPTION,
  ],
  details: [
    "No daemon may run on the state directory. The host that was backed up may run no more, or two",
    "hosts have one key. What changed since the backup is found out from the others: own records come",
    "back once their holders have said that nothing newer is known of them.",
  ].join("\n"),
  async action(args, io) {
    const state = statePath(args);
    const { decodeBackup, restoreState } = await import("../../../overlay/index.ts");
    const bytes = readBackup(resolve(args.operands[0] ?? ""));
    const entries = decodeBackup(bytes, readPassphrase(args));
    const owner = existsSync(state) ? statSync(state) : undefined;
    const aside = await makeRoom(state, args.has("force"));
    let restored: Restoration;
    try {
      restored = await restoreState(state, entries, createSystemClock());
      if (owner !== undefined) giveTo(state, owner);
    } catch (error) {
      if (aside !== null && !existsSync(state)) renameSync(aside, state);
      throw error;
    }
    const { about, records } = restored;
    const answer = { state, ...about, records, movedAside: aside };
    printAnswer(args, io, answer, () => [
      `restored ${about.hostId} of ${new Date(about.madeAtMs).toISOString()} with ${count(records, "record")}`,
      ...(aside === null ? [] : [`what was there is in ${aside}`]),
    ]);
    io.stderr('start it with "causeway up"; "causeway explain" tells of records that still wait');
    return 0;
  },
});

function readBackup(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ConfigError("FILE", `${file} cannot be read: ${errorMessage(error)}`);
  }
}

/** @returns where what was there is now; null when nothing was */
async function makeRoom(state: string, isForced: boolean): Promise<string | null> {
  if (!existsSync(state) || readdirSync(state).length === 0) return null;
  const { isStateDirectory, openStateDirectory } = await import("../../state-directory.ts");
  if (!isStateDirectory(state))
    throw new DaemonError(
      "ERR_DAEMON_STATE",
      `${state} holds files that are not Causeway's; choose an empty or new directory with --state`,
    );
  const aside = freeName(state);
  if (!isForced)
    throw new DaemonError(
      "ERR_DAEMON_STATE",
      `${state} holds the state of a host already; --force moves it to ${aside}`,
    );
  try {
    openStateDirectory(state).close();
  } catch (error) {
    // One that is damaged or of another version may be moved all the same.
    if (errorCode(error) === "ERR_DAEMON_RUNNING") throw error;
  }
  try {
    renameSync(state, aside);
  } catch (error) {
    throw new DaemonError(
      "ERR_DAEMON_STATE",
      `${state} cannot be moved aside: ${errorMessage(error)}; choose another with --state`,
      { cause: error },
    );
  }
  return aside;
}

function freeName(state: string): string {
  for (let number = 1; number <= ASIDE_MAX; number++)
    if (!existsSync(`${state}.before-${number}`)) return `${state}.before-${number}`;
  throw new DaemonError(
    "ERR_DAEMON_STATE",
    `there are ${ASIDE_MAX} former states beside ${state}; remove those that nobody needs`,
  );
}

/** Whoever owned the directory runs the daemon: root restores for that user. */
function giveTo(path: string, owner: Stats): void {
  if (statSync(path).uid === owner.uid && statSync(path).gid === owner.gid) return;
  const names = readdirSync(path, { recursive: true, encoding: "utf8" });
  for (const one of [path, ...names.map((name) => join(path, name))])
    chownSync(one, owner.uid, owner.gid);
}
