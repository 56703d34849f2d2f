/** The log for people at a terminal: one line an event, time first, fields as `name=value`. */
import { writeSync } from "node:fs";
import type { LogLevel } from "../platform/io/log.ts";
import type { Logger } from "../platform/logger.ts";

const SEVERITIES: readonly LogLevel[] = ["debug", "info", "warn", "error", "silent"];
const CONTROL = /[\p{Cc}\u2028\u2029]/gu;

export type LeveledLog = Logger & { setLevel(level: LogLevel): void };

/** @param write gets each line with its newline; by default it goes to standard error */
export function createTextLog(
  level: LogLevel,
  write: (line: string) => void = writeToStderr,
  now: () => Date = () => new Date(),
): LeveledLog {
  let least = SEVERITIES.indexOf(level);
  const at =
    (severity: LogLevel) =>
    (event: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      if (SEVERITIES.indexOf(severity) < least) return;
      const time = now().toISOString().slice(11, 23);
      const shown = Object.entries(fields).map(([name, value]) => ` ${name}=${showField(value)}`);
      // A peer may have chosen parts of this text; it shall not steer the terminal.
      const text = `${time} ${severity.padEnd(5)} ${event}${shown.join("")}`.replace(CONTROL, "?");
      write(`${text}\n`);
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    setLevel: (next) => {
      least = SEVERITIES.indexOf(next);
    },
  };
}

function showField(value: unknown): string {
  if (typeof value === "string") return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  if (value instanceof Error) return JSON.stringify(value.message);
  if (typeof value === "bigint") return value.toString();
  return JSON.stringify(value) ?? String(value);
}

function writeToStderr(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    // A terminal that is gone takes its log with it; the daemon goes on.
  }
}
