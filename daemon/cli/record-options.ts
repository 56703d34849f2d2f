/** What the record commands share in their tables. */
import { ConfigError } from "../../platform/errors.ts";
import { SLOT_BYTES_MAX } from "../api/api-types.ts";
import type { ParsedArguments } from "../../platform/cli/arguments.ts";
import type { OperandSpec, OptionSpec } from "../../platform/cli/command.ts";

export const KEY_OPERAND: OperandSpec = {
  name: "KEY",
  doc: "any text (its SHA-256 is the key), or 0x and 64 hexadecimal digits",
};

export const SLOT_OPTION: OptionSpec = {
  name: "slot",
  value: "NAME",
  doc: `which of this host's records under the key, at most ${SLOT_BYTES_MAX} bytes (default "")`,
};

/** @throws {ConfigError} when the slot's name is too long */
export function slotOf(args: ParsedArguments): string {
  const slot = args.value("slot") ?? "";
  const bytes = Buffer.byteLength(slot);
  if (bytes > SLOT_BYTES_MAX)
    throw new ConfigError("--slot", `has ${bytes} bytes; at most ${SLOT_BYTES_MAX} are allowed`);
  return slot;
}
