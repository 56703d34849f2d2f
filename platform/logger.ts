/** What code that logs needs of a log. `event` is a short fixed phrase, the rest goes to fields. */
type LogLine = (event: string, fields?: Readonly<Record<string, unknown>>) => void;

export interface Logger {
  readonly debug: LogLine;
  readonly info: LogLine;
  readonly warn: LogLine;
  readonly error: LogLine;
}

export const SILENT: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};
