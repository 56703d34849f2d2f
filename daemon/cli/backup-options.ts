/** What `backup` and `restore` share: the passphrase, and which state directory is meant. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { ConfigError, errorMessage } from "../../platform/errors.ts";
import { defaultState, ownSurroundings } from "../paths.ts";
import type { ParsedArguments } from "../../platform/cli/arguments.ts";
import type { OptionSpec } from "../../platform/cli/command.ts";

const PASSPHRASE_CHARACTERS_MIN = 8;

export const PASSPHRASE_OPTION: OptionSpec = {
  name: "passphrase-file",
  value: "FILE",
  doc: "the passphrase that seals it, 8 characters or more; - reads standard input",
  isPath: true,
};

/** @throws {ConfigError} when it cannot be read, or is short */
export function readPassphrase(args: ParsedArguments): string | null {
  const source = args.value(PASSPHRASE_OPTION.name);
  if (source === undefined) return null;
  let text: string;
  try {
    text = readFileSync(source === "-" ? 0 : source, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    throw new ConfigError("--passphrase-file", `${source} cannot be read: ${errorMessage(error)}`);
  }
  if (text.length < PASSPHRASE_CHARACTERS_MIN || text.includes("\n"))
    throw new ConfigError(
      "--passphrase-file",
      `is to hold one line of ${PASSPHRASE_CHARACTERS_MIN} characters or more`,
    );
  return text;
}

export function statePath(args: ParsedArguments): string {
  return resolve(args.value("state") ?? defaultState(ownSurroundings()));
}
