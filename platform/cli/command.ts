/** What a command of the program is, and the two streams it writes to. */

export interface CommandIo {
  /** Results: one line each. */
  stdout(line: string): void;
  /** Progress and errors: one line each. */
  stderr(line: string): void;
  /** What is handed in; default the process's own standard input. */
  readonly stdin?: AsyncIterable<Uint8Array>;
}

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Help of several lines, options included. */
  readonly usage: string;
  /** For shell completion; a command without them completes nothing. */
  readonly options?: readonly OptionSpec[];
  /** What may follow its name, where that is a short list; for shell completion too. */
  readonly words?: readonly string[];
  /** Gives the exit status. Errors are thrown: `ConfigError` ends with 2, others with 1. */
  run(args: readonly string[], io: CommandIo): Promise<number>;
}

/** One option of a command. */
export interface OptionSpec {
  /** Without the dashes. */
  readonly name: string;
  readonly doc: string;
  /** What stands for the value in the help; absent for a switch. */
  readonly value?: string;
  /** What the value may be, where that is a short list. */
  readonly choices?: readonly string[];
  /** May be given more than once, and every value counts. */
  readonly isRepeatable?: boolean;
  /** Whether a shell completes paths. */
  readonly isPath?: boolean;
}

export interface OperandSpec {
  /** As the help shows it: `KEY`. */
  readonly name: string;
  readonly doc: string;
  readonly isOptional?: boolean;
  readonly choices?: readonly string[];
}
