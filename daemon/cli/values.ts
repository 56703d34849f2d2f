/** What people write on the command line: durations, values, tokens. */
import { readFileSync } from "node:fs";
import { ConfigError, errorMessage } from "../../platform/errors.ts";
import { VALUE_BYTES_MAX } from "../api/api-types.ts";

const DURATION = /^(\d{1,12})(ms|s|m|h|d)$/;
const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Milliseconds of `500ms`, `30s`, `5m`, `2h` or `1d`.
 *
 * @param option  what the error names
 * @throws {ConfigError} on another form, or outside min..max
 */
export function parseDuration(option: string, text: string, minMs: number, maxMs: number): number {
  const match = DURATION.exec(text);
  const ms = match ? Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS] : NaN;
  if (!(ms >= minMs && ms <= maxMs))
    throw new ConfigError(
      option,
      `"${text}" is not allowed; allowed: ${formatDuration(minMs)} to ${formatDuration(maxMs)}, written like 500ms, 30s, 5m, 2h or 1d`,
    );
  return ms;
}

/** The largest unit that stays exact: `90s`, `5m`. */
export function formatDuration(ms: number): string {
  for (const unit of ["d", "h", "m", "s"] as const)
    if (ms >= UNIT_MS[unit] && ms % UNIT_MS[unit] === 0) return `${ms / UNIT_MS[unit]}${unit}`;
  return `${ms}ms`;
}

/** For people: `4m 59s`, never more than two units. */
export function formatRemaining(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  return `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m`;
}

/**
 * The bytes a VALUE stands for: `@FILE` the file's, `-` those of standard input, `@@text` the text
 * `@text`, and any other text itself.
 *
 * @throws {ConfigError} when it cannot be read or has more than 4096 bytes
 */
export function readValue(text: string): Uint8Array {
  const bytes = text.startsWith("@@")
    ? Buffer.from(text.slice(1))
    : text === "-" || text.startsWith("@")
      ? readSource("VALUE", text)
      : Buffer.from(text);
  if (bytes.length > VALUE_BYTES_MAX)
    throw new ConfigError(
      "VALUE",
      `has ${bytes.length} bytes; a value may have ${VALUE_BYTES_MAX}; split it over several keys or slots`,
    );
  return bytes;
}

/**
 * The one-time token behind `--join`.
 *
 * @param text  `@FILE` or `-`; a bare token is refused, since every user of the machine sees argv
 * @throws {ConfigError} also when the file is empty or longer than any token
 */
export function readToken(text: string): string {
  if (text !== "-" && !text.startsWith("@"))
    throw new ConfigError(
      "--join",
      "takes the token from @FILE or - (standard input) only, because other users can see a command line; put the token into a file",
    );
  const token = readSource("--join", text).toString("utf8").trim();
  if (token === "") throw new ConfigError("--join", `no token in ${sourceName(text)}`);
  if (token.length > VALUE_BYTES_MAX || /\s/.test(token))
    throw new ConfigError("--join", `what ${sourceName(text)} holds is not a token`);
  return token;
}

function readSource(option: string, text: string): Buffer {
  try {
    return readFileSync(text === "-" ? 0 : text.slice(1));
  } catch (error) {
    throw new ConfigError(option, `${sourceName(text)} cannot be read: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

function sourceName(text: string): string {
  return text === "-" ? "standard input" : text.slice(1);
}

/**
 * A number of bytes, with or without a unit of 1024.
 *
 * @throws {ConfigError}
 */
export function parseBytes(option: string, text: string, max: number): number {
  const match = /^(\d{1,12})(?:([KMG])i?B?)?$/.exec(text);
  const powers = ["", "K", "M", "G"];
  const bytes = match ? Number(match[1]) * 1024 ** powers.indexOf(match[2] ?? "") : NaN;
  if (bytes <= max) return bytes;
  throw new ConfigError(option, `"${text}": allowed: 0 to ${max}, or with a unit, such as 100MiB`);
}
