/** Errors with a stable code: what failed, about which thing, and what to do now. */

/** Base of every operating error: `code` is stable and may be matched, `message` is for people. */
export class CodedError<Code extends string = string> extends Error {
  readonly code: Code;

  constructor(code: Code, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Untrusted bytes that do not decode; the only error a decoder throws. */
export class WireError extends CodedError<"ERR_WIRE"> {
  /** Byte offset at which decoding stopped, or -1 when the format does not tell. */
  readonly offset: number;

  constructor(message: string, offset = -1, options?: { readonly cause?: unknown }) {
    super("ERR_WIRE", offset < 0 ? message : `${message} (at byte ${offset})`, options);
    this.offset = offset;
  }
}

/** A mistake of the user's: a bad option, key or file. The CLI exits with 2. */
export class ConfigError extends CodedError<"ERR_CONFIG"> {
  /** Where the mistake stands: an option (`--ttl`), or a dotted config key. */
  readonly path: string;

  constructor(path: string, problem: string, options?: { readonly cause?: unknown }) {
    super("ERR_CONFIG", `${path}: ${problem}`, options);
    this.path = path;
  }
}

/** The code of any thrown value, or `undefined`; system errors carry one too (`ENOSPC`). */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** A thrown value's message, whatever was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
