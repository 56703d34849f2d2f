/** JSON logs by pino: one line an event, to standard error unless told otherwise. */
import { pino } from "pino";
import type { Logger } from "../logger.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

export interface LogOptions {
  /** Least severe level that is written. Default `info`. */
  readonly level: LogLevel;
  /** File descriptor written to. Default 2, standard error. */
  readonly fd: number;
}

export function createLog(
  given: Partial<LogOptions> = {},
): Logger & { setLevel(l: LogLevel): void } {
  const { level = "info", fd = 2, ...rest } = given;
  rest satisfies Record<string, never>;
  const log = pino(
    { level, base: {}, timestamp: pino.stdTimeFunctions.isoTime, messageKey: "message" },
    pino.destination({ fd, sync: true }),
  );
  const write =
    (severity: "debug" | "info" | "warn" | "error") =>
    (event: string, fields: Readonly<Record<string, unknown>> = {}): void =>
      log[severity](fields, event);
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    setLevel: (next) => {
      log.level = next;
    },
  };
}
