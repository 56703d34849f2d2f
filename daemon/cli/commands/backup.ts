/** `causeway backup`: this host's keys, membership and own records in one file. */
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { ByteReader } from "../../../platform/bytes.ts";
import { ConfigError, errorCode, errorMessage } from "../../../platform/errors.ts";
import { createSystemClock } from "../../../platform/io/system-clock.ts";
import type { BackupEntry } from "../../../overlay/index.ts";
import type { BackupAnswer, StatusAnswer } from "../../api/api-types.ts";
import { callApi } from "../../api/client.ts";
import { DaemonError } from "../../errors.ts";
import type { ParsedArguments } from "../../../platform/cli/arguments.ts";
import { PASSPHRASE_OPTION, readPassphrase, statePath } from "../backup-options.ts";
import { SOCKET_OPTION, clientSocket, printAnswer } from "../client-socket.ts";
import { JSON_OPTION, defineCommand } from "../../../platform/cli/define-command.ts";
import { count } from "../../../platform/cli/text-table.ts";

/** Where the state comes from, and who is told that a backup of it was made. */
interface Source {
  readonly entries: readonly BackupEntry[];
  note(): Promise<void>;
}

export const backupCommand = defineCommand({
  name: "backup",
  summary: "Write this host's keys, membership and own records to a file",
  operands: [{ name: "FILE", doc: "the backup; an older one by that name is replaced" }],
  options: [
    PASSPHRASE_OPTION,
    {
      name: "state",
      value: "DIR",
      doc: "state directory to back up, no daemon running on it",
      isPath: true,
    },
    JSON_OPTION,
    SOCKET_OPTION,
  ],
  details: [
    "The daemon may run meanwhile; this command has to run as its user, or as root, to read the keys.",
    "Whoever has the file and its passphrase can be this host, and on the host that made the overlay",
    'let others in: keep it where only you get at it. "causeway restore" makes the host again.',
  ].join("\n"),
  async action(args, io) {
    const file = resolve(args.operands[0] ?? "");
    const passphrase = readPassphrase(args);
    const { SCRYPT_COST, encodeBackup, isBackup } = await import("../../../overlay/index.ts");
    if (existsSync(file) && !isBackup(readFileSync(file)))
      throw new ConfigError("FILE", `${file} is there and is no backup; choose another name`);
    const { entries, note } = await findSource(args);
    const sealing =
      passphrase === null
        ? null
        : { passphrase, salt: randomBytes(16), nonce: randomBytes(12), cost: SCRYPT_COST };
    writeWhole(file, encodeBackup(entries, sealing));
    await note();
    const records = entries.filter(({ name }) => name.startsWith("record/")).length;
    const answer = { file, records, isSealed: sealing !== null };
    printAnswer(args, io, answer, () => [
      `backed up this host and ${count(records, "record")} of its own to ${file}`,
    ]);
    if (sealing === null)
      io.stderr("the keys in it can be read by whoever gets the file; --passphrase-file seals it");
    return 0;
  },
});

async function findSource(args: ParsedArguments): Promise<Source> {
  if (args.value("state") !== undefined) return stoppedSource(statePath(args));
  const socket = await clientSocket(args);
  try {
    const { daemon } = await callApi<StatusAnswer>({ socket, method: "GET", path: "/v1/status" });
    return await runningSource(socket, daemon.state);
  } catch (error) {
    if (errorCode(error) !== "ERR_DAEMON_ABSENT") throw error;
    return stoppedSource(statePath(args));
  }
}

async function runningSource(socket: string, state: string): Promise<Source> {
  const { decodeEntries, keyEntries } = await import("../../../overlay/index.ts");
  const clock = createSystemClock();
  const path = "/v1/backup";
  const keys = await keyEntries(state, clock);
  const answer = await callApi<BackupAnswer>({ socket, method: "GET", path });
  const records = decodeEntries(new ByteReader(Buffer.from(answer.entries, "base64")));
  return {
    entries: [...keys, ...records],
    async note() {
      const body = Buffer.from(JSON.stringify({ madeAtMs: Math.trunc(clock.wallMs()) }));
      await callApi({ socket, method: "POST", path, body });
    },
  };
}

async function stoppedSource(state: string): Promise<Source> {
  const { isStateDirectory, openStateDirectory } = await import("../../state-directory.ts");
  if (!isStateDirectory(state))
    throw new DaemonError(
      "ERR_DAEMON_STATE",
      `${state} is not a state directory of Causeway; name it with --state, or the daemon with --socket`,
    );
  const { keyEntries, noteStoredBackup, storedEntries } = await import("../../../overlay/index.ts");
  const clock = createSystemClock();
  const lock = openStateDirectory(state);
  try {
    const entries = [...(await keyEntries(state, clock)), ...(await storedEntries(state, clock))];
    return { entries, note: () => noteStoredBackup(state, clock) };
  } finally {
    lock.close();
  }
}

/** As a whole or not at all, and for its owner only. */
function writeWhole(file: string, bytes: Uint8Array): void {
  const temporary = `${file}.new`;
  try {
    rmSync(temporary, { force: true });
    writeFileSync(temporary, bytes, { mode: 0o600, flush: true });
    chmodSync(temporary, 0o600);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new DaemonError("ERR_DAEMON_STATE", `${file} not written: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}
